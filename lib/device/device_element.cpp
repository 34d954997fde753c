#include "ranklog/device.hpp"

#include <array>

namespace ranklog {

std::string_view to_string(DeviceElement element) noexcept {
  constexpr std::array<std::string_view, 7> names{"f64", "f32", "f16", "bf16", "i64", "i32", "u8"};
  return names[static_cast<std::size_t>(element)];
}

std::string_view to_string(DevicePath path) noexcept {
  constexpr std::array<std::string_view, 3> names{"staged", "direct", "nccl"};
  return names[static_cast<std::size_t>(path)];
}

}  // namespace ranklog
