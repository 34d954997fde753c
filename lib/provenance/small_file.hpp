// Reads the start of a file whose size and kind are not trusted.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace ranklog::provenance {

// At most `max_bytes` from the start of a regular file. Nothing when it cannot be opened or read,
// or is no regular file: a FIFO or a device must not make the job wait. Never throws for the file.
[[nodiscard]] std::optional<std::string> read_small_file(const std::filesystem::path& path,
                                                         std::size_t max_bytes);

}  // namespace ranklog::provenance
