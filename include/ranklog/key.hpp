// The rules for names: metric keys, project names and run names.
#pragma once

#include <cstddef>
#include <string_view>

namespace ranklog {

inline constexpr std::size_t max_key_bytes = 250;
inline constexpr std::size_t max_run_name_bytes = 128;
// Keys below this prefix are written by ranklog itself.
inline constexpr std::string_view reserved_key_prefix = "ranklog/";

// What ranklog logs about itself under AcceleratorOptions::own_cost.
inline constexpr std::string_view overhead_key = "ranklog/overhead_s";
inline constexpr std::string_view bytes_sent_key = "ranklog/bytes_sent";
inline constexpr std::string_view messages_sent_key = "ranklog/messages_sent";
[[nodiscard]] constexpr bool is_own_key(std::string_view key) noexcept {
  return key == overhead_key || key == bytes_sent_key || key == messages_sent_key;
}

// Accepts UTF-8 without control characters, 1 to 250 bytes, with no empty part between `/` and
// no part `.` or `..` (both would be unreachable by path in HDF5).
// Errors: InvalidKeyError that shows the key with unprintable bytes escaped. Complexity: O(bytes).
void validate_key(std::string_view key);

// Accepts a project or run name that is safe as one path component: UTF-8 without control
// characters or `/`, 1 to 128 bytes, not `.` or `..`, no `..` at the start, no leading space.
// Errors: InvalidNameError; `what` is the word for the name in the message ("run name").
void validate_path_component(std::string_view name, std::string_view what);

}  // namespace ranklog
