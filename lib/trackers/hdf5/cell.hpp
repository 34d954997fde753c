// What one cell of a dataset is, and what stands in a cell that no rank filled.
#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace ranklog::trackers::hdf5 {

// float64, int64, int32 or variable-length UTF-8.
enum class Cell : std::uint8_t { real, integer, rank, text };

inline constexpr double absent_real = std::numeric_limits<double>::quiet_NaN();
inline constexpr std::int64_t absent_integer = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int32_t absent_count = 0;

// Null for text, which HDF5 fills with empty strings.
[[nodiscard]] inline const void* fill_value(Cell cell) noexcept {
  switch (cell) {
    case Cell::real:
      return &absent_real;
    case Cell::integer:
      return &absent_integer;
    case Cell::rank:
      return &absent_count;
    case Cell::text:
      break;
  }
  return nullptr;
}

[[nodiscard]] inline std::size_t bytes_of(Cell cell) noexcept {
  switch (cell) {
    case Cell::real:
    case Cell::integer:
      return 8;
    case Cell::rank:
      return 4;
    case Cell::text:
      break;
  }
  return 16;  // length, heap address and index
}

// Types in the file and in memory; text has the same in both.
[[nodiscard]] inline hid_t file_type(Cell cell, hid_t text_type) {
  switch (cell) {
    case Cell::real:
      return H5T_IEEE_F64LE;
    case Cell::integer:
      return H5T_STD_I64LE;
    case Cell::rank:
      return H5T_STD_I32LE;
    case Cell::text:
      break;
  }
  return text_type;
}

[[nodiscard]] inline hid_t memory_type(Cell cell, hid_t text_type) {
  switch (cell) {
    case Cell::real:
      return H5T_NATIVE_DOUBLE;
    case Cell::integer:
      return H5T_NATIVE_INT64;
    case Cell::rank:
      return H5T_NATIVE_INT32;
    case Cell::text:
      break;
  }
  return text_type;
}

// Numbers of a column: one for each row, or one that stands for all.
template <class T>
class CellView {
 public:
  CellView(const T* first, std::size_t stride) noexcept : first_(first), stride_(stride) {}
  [[nodiscard]] T operator[](std::size_t i) const noexcept { return first_[i * stride_]; }

 private:
  const T* first_;
  std::size_t stride_;
};

}  // namespace ranklog::trackers::hdf5
