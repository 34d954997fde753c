#include "ranklog/device.hpp"

namespace ranklog {

std::string_view to_string(DeviceElement element) noexcept {
  switch (element) {
    case DeviceElement::f64:
      return "f64";
    case DeviceElement::f32:
      return "f32";
    case DeviceElement::f16:
      return "f16";
    case DeviceElement::bf16:
      return "bf16";
    case DeviceElement::i64:
      return "i64";
    case DeviceElement::i32:
      return "i32";
    case DeviceElement::u8:
      break;
  }
  return "u8";
}

}  // namespace ranklog
