// Reads a file that a caller named.
#pragma once

#include <filesystem>
#include <string>

namespace ranklog {

// All bytes of a regular file. Errors: IoError naming the path.
[[nodiscard]] std::string read_whole_file(const std::filesystem::path& path);

}  // namespace ranklog
