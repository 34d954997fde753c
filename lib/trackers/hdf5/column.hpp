// One dataset that grows by rows, with the rows that wait to be written to it as one block.
#pragma once

#include <hdf5.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "hdf5/handle.hpp"
#include "trackers/hdf5/cell.hpp"

namespace ranklog::trackers::hdf5 {

class OutputFile;

// Whether a column is likely to hold the same number in all rows. Where it does, the file holds
// that number once, as the dataset's fill value, and no chunks.
enum class Likely : std::uint8_t { varies, same };

class Column {
 public:
  // `trailing` are the extents behind the row: none, {ranks} or {ranks, elements}.
  Column(const char* name, Cell cell, std::vector<hsize_t> trailing = {});
  Column(const char* name, Cell cell, Likely likely);

  void add(double value) { add_copies(value, 1); }
  void add(std::int64_t value) { add_copies(value, 1); }
  void add(std::int32_t value) { add_copies(value, 1); }
  void add(std::string_view text);
  template <class T>
  void add_all(const std::vector<T>& values) {
    spread();
    const auto* const bytes = reinterpret_cast<const std::byte*>(values.data());
    cells_.insert(cells_.end(), bytes, bytes + values.size() * sizeof(T));
  }
  template <class T>
  void add_copies(T value, std::size_t n) {
    if (takes_same(&value)) {
      n_same_ += n;
      return;
    }
    const std::size_t before = cells_.size();
    cells_.resize(before + n * sizeof(T));
    for (std::size_t at = before; at < cells_.size(); at += sizeof(T)) {
      std::memcpy(cells_.data() + at, &value, sizeof(T));
    }
  }
  [[nodiscard]] hsize_t n_rows_waiting() const noexcept;
  // The numbers that wait, of the column's own type, until the next call of anything else.
  template <class T>
  [[nodiscard]] CellView<T> waiting() const noexcept {
    const bool is_one = n_same_ > 0;
    return {reinterpret_cast<const T*>(is_one ? same_.data() : cells_.data()), is_one ? 0u : 1u};
  }
  // Drops what waits.
  void clear() noexcept;
  // Copies what waits, for a column that is to be written beside this one.
  void copy_waiting_from(const Column& other);

  // Makes the last trailing extent at least `n_elements`; cells that were not given hold the fill
  // value. A column of {ranks} becomes one of {ranks, elements}.
  void widen(hsize_t n_elements);

  // Creates the dataset in the group at `path`, sized for blocks of `chunk_rows`, attached to
  // `scales`, one for each dimension (or none).
  void create(const OutputFile& file, hid_t group, hsize_t chunk_rows,
              const std::vector<hobj_ref_t>& scales);
  // Writes what waits behind the first `n_rows_written` rows. `path` is the column's group.
  void write(const OutputFile& file, const std::string& path, hsize_t n_rows_written);
  // Creates the dataset at its final size, writes all and keeps it open.
  void write_new(const OutputFile& file, const std::string& path,
                 const std::vector<hobj_ref_t>& scales);
  // Reads real or integer rows back, `n_rows` cells of 8 bytes.
  void read(const OutputFile& file, const std::string& path, hsize_t first_row, hsize_t n_rows,
            void* cells);
  // Attaches the dataset to other scales.
  void attach(const OutputFile& file, const std::string& path,
              const std::vector<hobj_ref_t>& scales);
  // Takes over the dataset that an earlier attempt left in the group.
  void adopt(const OutputFile& file, const std::string& path);
  void close() noexcept { (void)dataset_.close(); }

  [[nodiscard]] const char* name() const noexcept { return name_; }
  [[nodiscard]] bool is_created() const noexcept { return reference_ != 0; }
  [[nodiscard]] hid_t dataset() const noexcept { return dataset_.get(); }
  [[nodiscard]] hobj_ref_t reference() const noexcept { return reference_; }
  [[nodiscard]] const std::vector<hsize_t>& trailing() const noexcept { return trailing_; }
  // True if the dataset must be made anew before the next write, as it got one more dimension.
  [[nodiscard]] bool has_outgrown_dataset() const noexcept {
    return is_created() && created_trailing_.size() != trailing_.size();
  }
  // Replaces the dataset by one with the present trailing extents, with the rows of the old one.
  void recreate(const OutputFile& file, hid_t group, hsize_t chunk_rows, hsize_t n_rows_written,
                const std::vector<hobj_ref_t>& scales);

 private:
  // True if `cell` is to be counted in n_same_ instead of kept.
  [[nodiscard]] bool takes_same(const void* cell);
  // Makes cells_ of what was only counted.
  void spread();
  // The cell that all that wait are equal to; empty if they differ.
  [[nodiscard]] std::vector<std::byte> common_cell() const;
  [[nodiscard]] hsize_t cells_per_row() const noexcept;
  [[nodiscard]] std::vector<hsize_t> chunk_shape(hsize_t chunk_rows) const;
  void open(const OutputFile& file, const std::string& path);
  // Writes n_rows of cells_, whole chunks directly.
  void write_cells(const OutputFile& file, hsize_t first_row, hsize_t n_rows) const;
  void transfer(const OutputFile& file, hsize_t first_row, hsize_t n_rows, const void* from,
                void* to) const;

  const char* name_;
  Cell cell_;
  std::vector<hsize_t> trailing_;
  std::vector<hsize_t> created_trailing_;
  Likely likely_ = Likely::varies;
  std::vector<std::byte> fill_;  // what the file gives for rows that were not written, if anything
  hsize_t direct_rows_ = 0;      // of a chunk that may be written as it is in memory
  std::vector<std::byte> cells_;
  // Instead of cells_, while all are the same.
  alignas(std::max_align_t) std::array<std::byte, 8> same_{};
  std::size_t n_same_ = 0;
  std::vector<std::string> texts_;
  h5::Dataset dataset_;
  hobj_ref_t reference_ = 0;
};

}  // namespace ranklog::trackers::hdf5
