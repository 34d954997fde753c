// One dataset that grows by rows, with the rows that wait to be written to it as one block.
#pragma once

#include <hdf5.h>

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

class Column {
 public:
  // `trailing` are the extents behind the row: none, {ranks} or {ranks, elements}.
  Column(const char* name, Cell cell, std::vector<hsize_t> trailing = {});

  void add(double value) { add_bytes(&value, sizeof value); }
  void add(std::int64_t value) { add_bytes(&value, sizeof value); }
  void add(std::int32_t value) { add_bytes(&value, sizeof value); }
  void add(std::string_view text);
  template <class T>
  void add_all(const std::vector<T>& values) {
    add_bytes(values.data(), values.size() * sizeof(T));
  }
  template <class T>
  void add_copies(T value, std::size_t n) {
    const std::size_t before = cells_.size();
    cells_.resize(before + n * sizeof(T));
    for (std::size_t at = before; at < cells_.size(); at += sizeof(T)) {
      std::memcpy(cells_.data() + at, &value, sizeof(T));
    }
  }
  [[nodiscard]] hsize_t n_rows_waiting() const noexcept;
  // Of what waits, the i-th number, of the column's own type.
  template <class T>
  [[nodiscard]] T cell(std::size_t i) const noexcept {
    T value;
    std::memcpy(&value, cells_.data() + i * sizeof(T), sizeof(T));
    return value;
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
  void add_bytes(const void* data, std::size_t n_bytes);
  [[nodiscard]] hsize_t cells_per_row() const noexcept;
  [[nodiscard]] std::vector<hsize_t> chunk_shape(hsize_t chunk_rows) const;
  void open(const OutputFile& file, const std::string& path);
  void transfer(const OutputFile& file, hsize_t first_row, hsize_t n_rows, const void* from,
                void* to) const;

  const char* name_;
  Cell cell_;
  std::vector<hsize_t> trailing_;
  std::vector<hsize_t> created_trailing_;
  std::vector<std::byte> cells_;
  std::vector<std::string> texts_;
  h5::Dataset dataset_;
  hobj_ref_t reference_ = 0;
};

}  // namespace ranklog::trackers::hdf5
