// Reads the datasets of one metric as whole columns, with their extents checked first.
#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "hdf5/handle.hpp"

namespace ranklog::reader {

// Rows first, first + stride, ...: n of them.
struct Rows {
  std::size_t first = 0;
  std::size_t n = 0;
  std::size_t stride = 1;
};

// Whether rows that were never written may be there, as the dataset's fill value. Then the file
// does not say how many there can be; the caller must know it from another column.
enum class Gaps : std::uint8_t { none, filled };

// A dataset of numbers or text whose first dimension is the row.
class RowDataset {
 public:
  // `n_dimensions`: 1, or 2 to `max_dimensions` for per-rank data. Errors: Damage if the dataset is
  // not there, has another shape, or claims more cells than the file could hold.
  RowDataset(hid_t group, const char* name, std::size_t max_dimensions = 1, Gaps gaps = Gaps::none);

  [[nodiscard]] std::size_t n_rows() const noexcept { return extents_.front(); }
  [[nodiscard]] const std::vector<hsize_t>& extents() const noexcept { return extents_; }
  // Cells of rows that are there. Errors: Damage if the cells are of another class.
  [[nodiscard]] std::vector<double> reals(const Rows& rows) const;
  [[nodiscard]] std::vector<std::int64_t> integers(const Rows& rows) const;
  [[nodiscard]] std::vector<std::int32_t> small_integers(const Rows& rows) const;
  [[nodiscard]] std::vector<std::string> texts(const Rows& rows) const;
  // One cell of a column of numbers.
  [[nodiscard]] double real_at(std::size_t row) const;
  [[nodiscard]] std::int64_t integer_at(std::size_t row) const;

 private:
  void check_storage(Gaps gaps) const;
  void check_class(H5T_class_t wanted, const char* what) const;
  [[nodiscard]] std::size_t cells_per_row() const noexcept;
  void read_rows(const Rows& rows, hid_t memory_type, hid_t transfer, void* cells) const;
  template <class T>
  [[nodiscard]] std::vector<T> read_numbers(const Rows& rows, H5T_class_t wanted, const char* what,
                                            hid_t memory_type) const;

  std::string name_;
  h5::Dataset dataset_;
  std::vector<hsize_t> extents_;
};

}  // namespace ranklog::reader
