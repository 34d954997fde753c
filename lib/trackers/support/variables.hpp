// What trackers read from the environment, and from the small files of settings beside it.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "http/client.hpp"
#include "tracking/tracker_options.hpp"

namespace ranklog::trackers::support {

// Returns null for a variable that is not set, as getenv.
using Environment = std::function<const char*(const char*)>;

// Empty when it is not set.
[[nodiscard]] std::string variable(const Environment& environment, const char* name);
// "1", "true", "yes", "on" in any case: what the vendors and Accelerate take for true.
[[nodiscard]] bool is_true(std::string_view text);
[[nodiscard]] std::string lower_case(std::string_view text);
// Without blanks at both ends.
[[nodiscard]] std::string trimmed(std::string_view text);
// The first 64 KiB of a file; empty when it cannot be read.
[[nodiscard]] std::string read_settings_file(const std::filesystem::path& path);
// One section of an INI file, names in lower case. Lines that are no settings are passed over.
[[nodiscard]] std::map<std::string, std::string, std::less<>> parse_ini(std::string_view file,
                                                                        std::string_view section);

// Errors: UsageError naming `what` where `seconds` is outside of the bounds.
[[nodiscard]] std::chrono::milliseconds checked_seconds(std::string_view tracker,
                                                        std::string_view what, double seconds,
                                                        double min_s, double max_s);
// Option `request_timeout_s`, 0.1 to 3600; nothing happens without it.
// Errors: UsageError outside of that.
void read_request_timeout(std::string_view tracker, double seconds, http::ClientOptions& client);

}  // namespace ranklog::trackers::support
