// What is known about a run that calls itself running: the job may have been killed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace ranklog::tool {

// A running job flushes about every second; a file that is older than this may belong to a job
// that was killed.
inline constexpr std::int64_t quiet_after_s = 60;

// Seconds since the run file last changed, at least 0; nothing if the system does not say.
[[nodiscard]] std::optional<std::int64_t> quiet_time_s(const std::filesystem::path& run_file);

// `status` as recorded, except that a quiet run is "running? (quiet 3h)".
[[nodiscard]] std::string describe_status(std::string_view status,
                                          std::optional<std::int64_t> quiet_s);

}  // namespace ranklog::tool
