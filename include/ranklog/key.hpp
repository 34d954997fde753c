// The rules for names: metric keys, project names and run names.
#pragma once

#include <cstddef>
#include <initializer_list>
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
// And of each rank's GPU under AcceleratorOptions::gpu_metrics.
inline constexpr std::string_view gpu_utilization_key = "ranklog/gpu_utilization";
inline constexpr std::string_view gpu_memory_key = "ranklog/gpu_memory_used";
inline constexpr std::string_view gpu_power_key = "ranklog/gpu_power";
inline constexpr std::string_view gpu_temperature_key = "ranklog/gpu_temperature";
[[nodiscard]] constexpr bool is_own_key(std::string_view key) noexcept {
  for (const auto own : {overhead_key, bytes_sent_key, messages_sent_key, gpu_utilization_key,
                         gpu_memory_key, gpu_power_key, gpu_temperature_key}) {
    if (key == own) return true;
  }
  return false;
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
