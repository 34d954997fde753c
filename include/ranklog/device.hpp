// Device memory as a value of the dictionary: ranklog::device(ptr, n, stream). Needs no CUDA
// header. Where the library was built without CUDA, logging such a value throws DeviceError.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

struct CUstream_st;    // NOLINT: CUDA's own names: a stream,
struct __half;         // NOLINT: IEEE half precision
struct __nv_bfloat16;  // NOLINT: and bfloat16

namespace ranklog {

// The same type as cudaStream_t and CUstream. Null is the default stream.
using DeviceStream = CUstream_st*;

enum class DeviceElement : std::uint8_t { f64, f32, f16, bf16, i64, i32, u8 };
[[nodiscard]] std::string_view to_string(DeviceElement element) noexcept;
[[nodiscard]] constexpr std::size_t bytes_of(DeviceElement element) noexcept {
  switch (element) {
    case DeviceElement::f64:
    case DeviceElement::i64:
      return 8;
    case DeviceElement::f32:
    case DeviceElement::i32:
      return 4;
    case DeviceElement::f16:
    case DeviceElement::bf16:
      return 2;
    case DeviceElement::u8:
      break;
  }
  return 1;
}

// A run of numbers in device memory. It must stay as it is until the work that was in `stream`
// when it was logged is done; the host need not wait for that.
struct DeviceSpan {
  const void* data = nullptr;
  std::size_t n = 0;
  DeviceElement element = DeviceElement::f32;
  DeviceStream stream = nullptr;

  [[nodiscard]] bool is_integer() const noexcept {
    return element == DeviceElement::i64 || element == DeviceElement::i32 ||
           element == DeviceElement::u8;
  }
};

// `n` numbers at the device address `data`, as the work before in `stream` leaves them. In `log`
// they stand for their elements, as a span of host memory does: weight and reduction are given
// around it, e.g. ranklog::mean(ranklog::device(loss, 1, stream), n_samples).
[[nodiscard]] inline DeviceSpan device(const double* data, std::size_t n,
                                       DeviceStream stream = nullptr) noexcept {
  return {data, n, DeviceElement::f64, stream};
}
[[nodiscard]] inline DeviceSpan device(const float* data, std::size_t n,
                                       DeviceStream stream = nullptr) noexcept {
  return {data, n, DeviceElement::f32, stream};
}
[[nodiscard]] inline DeviceSpan device(const __half* data, std::size_t n,
                                       DeviceStream stream = nullptr) noexcept {
  return {data, n, DeviceElement::f16, stream};
}
[[nodiscard]] inline DeviceSpan device(const __nv_bfloat16* data, std::size_t n,
                                       DeviceStream stream = nullptr) noexcept {
  return {data, n, DeviceElement::bf16, stream};
}
[[nodiscard]] inline DeviceSpan device(const std::int64_t* data, std::size_t n,
                                       DeviceStream stream = nullptr) noexcept {
  return {data, n, DeviceElement::i64, stream};
}
[[nodiscard]] inline DeviceSpan device(const std::int32_t* data, std::size_t n,
                                       DeviceStream stream = nullptr) noexcept {
  return {data, n, DeviceElement::i32, stream};
}
[[nodiscard]] inline DeviceSpan device(const std::uint8_t* data, std::size_t n,
                                       DeviceStream stream = nullptr) noexcept {
  return {data, n, DeviceElement::u8, stream};
}

}  // namespace ranklog
