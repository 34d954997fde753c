// Device memory as a value of the dictionary: ranklog::device(ptr, n, stream). Needs no CUDA
// header. Where the library was built without CUDA, logging such a value throws DeviceError.
#pragma once

#include <concepts>
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

// Device memory that may be written to, where reduce() and gather() leave their results.
class DeviceBuffer : public DeviceSpan {
 public:
  DeviceBuffer(void* target, std::size_t n_elements, DeviceElement type,
               DeviceStream in_stream) noexcept
      : DeviceSpan{target, n_elements, type, in_stream}, target_(target) {}
  [[nodiscard]] void* target() const noexcept { return target_; }

 private:
  void* target_;
};

// How reduce() and gather() move whole device tensors between the ranks. The path does not change
// a bit of the result. A path that cannot be taken on every rank is replaced by `staged`.
enum class DevicePath : std::uint8_t {
  staged,  // through pinned host memory, in chunks that are copied while MPI moves others
  direct,  // device addresses go to MPI, if it says that it takes them and passes a test of that
  nccl,    // through NCCL, if libnccl.so.2 is found and no two ranks share a GPU
};
[[nodiscard]] std::string_view to_string(DevicePath path) noexcept;

template <class T>
concept DeviceNumber = std::same_as<T, double> || std::same_as<T, float> ||
    std::same_as<T, __half> || std::same_as<T, __nv_bfloat16> || std::same_as<T, std::int64_t> ||
    std::same_as<T, std::int32_t> || std::same_as<T, std::uint8_t>;

namespace detail {
template <DeviceNumber T>
[[nodiscard]] constexpr DeviceElement device_element() noexcept {
  if constexpr (std::same_as<T, double>) return DeviceElement::f64;
  if constexpr (std::same_as<T, float>) return DeviceElement::f32;
  if constexpr (std::same_as<T, __half>) return DeviceElement::f16;
  if constexpr (std::same_as<T, __nv_bfloat16>) return DeviceElement::bf16;
  if constexpr (std::same_as<T, std::int64_t>) return DeviceElement::i64;
  if constexpr (std::same_as<T, std::int32_t>) return DeviceElement::i32;
  return DeviceElement::u8;
}
}  // namespace detail

// `n` numbers at the device address `data`, as the work before in `stream` leaves them. In `log`
// they stand for their elements, as a span of host memory does: weight and reduction are given
// around it, e.g. ranklog::mean(ranklog::device(loss, 1, stream), n_samples).
template <DeviceNumber T>
[[nodiscard]] DeviceSpan device(const T* data, std::size_t n,
                                DeviceStream stream = nullptr) noexcept {
  return {data, n, detail::device_element<T>(), stream};
}
template <DeviceNumber T>
[[nodiscard]] DeviceBuffer device(T* data, std::size_t n, DeviceStream stream = nullptr) noexcept {
  return {data, n, detail::device_element<T>(), stream};
}

}  // namespace ranklog
