// The columns of a run file's metrics, written as one would who knows HDF5 well: whole blocks, no
// chunk cache, nothing but the numbers.
#pragma once

#include <fmt/format.h>
#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <ranklog/record_block.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace ranklog::bench {

class BareFile {
 public:
  BareFile(const std::string& path, std::size_t n_metrics, std::size_t rows_per_chunk)
      : file_(create(path)), rows_per_chunk_(rows_per_chunk) {
    add("step", H5T_STD_I64LE, H5T_NATIVE_INT64);
    add("time", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE);
    for (std::size_t i = 0; i < n_metrics; ++i) {
      const auto name = [&](char kind, int k) { return fmt::format("{}{}{}", i, kind, k); };
      for (int k = 0; k < 4; ++k) add(name('r', k), H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE);
      for (int k = 0; k < 3; ++k) add(name('i', k), H5T_STD_I32LE, H5T_NATIVE_INT32);
      for (int k = 0; k < 2; ++k) add(name('c', k), H5T_STD_I64LE, H5T_NATIVE_INT64);
    }
  }
  ~BareFile() {
    for (const Column& column : columns_) H5Dclose(column.dataset);
    H5Fclose(file_);
  }
  BareFile(const BareFile&) = delete;
  BareFile& operator=(const BareFile&) = delete;

  // Appends the rows of `block`, of which `first` is the first.
  void append(const RecordBlock& block, std::int64_t first) {
    const std::size_t n = block.n_rows();
    none_.assign(n, -1);
    counts_.assign(n, 4);
    zeros_.assign(n, 0);
    std::size_t at = 0;
    const auto put = [&](const void* cells) { append(columns_[at++], cells, first, n); };
    put(block.row_step.data());
    put(block.time.data());
    for (const BlockColumn& column : block.metrics) {
      for (const auto* const reals : {&column.value, &column.min, &column.max, &column.std}) {
        put(reals->data());
      }
      put(column.min_rank.data());
      put(column.max_rank.data());
      put(none_.data());
      put(counts_.data());
      put(zeros_.data());
    }
  }
  void flush() { H5Fflush(file_, H5F_SCOPE_LOCAL); }

 private:
  struct Column {
    hid_t dataset;
    hid_t type;
  };

  static hid_t create(const std::string& path) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    if (file < 0) throw std::runtime_error("cannot create " + path);
    return file;
  }
  void add(const std::string& name, hid_t file_type, hid_t type) {
    const hsize_t none = 0;
    const hsize_t unlimited = H5S_UNLIMITED;
    const hsize_t chunk = rows_per_chunk_;
    const hid_t space = H5Screate_simple(1, &none, &unlimited);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, &chunk);
    H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk_cache(access, 0, 0, 0.75);
    columns_.push_back(
        {H5Dcreate2(file_, name.c_str(), file_type, space, H5P_DEFAULT, creation, access), type});
    H5Pclose(access);
    H5Pclose(creation);
    H5Sclose(space);
  }
  static void append(const Column& column, const void* cells, std::int64_t first, std::size_t n) {
    const auto start = static_cast<hsize_t>(first);
    const hsize_t count = n;
    const hsize_t extent = start + count;
    H5Dset_extent(column.dataset, &extent);
    const hid_t in_file = H5Dget_space(column.dataset);
    H5Sselect_hyperslab(in_file, H5S_SELECT_SET, &start, nullptr, &count, nullptr);
    const hid_t in_memory = H5Screate_simple(1, &count, nullptr);
    const herr_t status =
        H5Dwrite(column.dataset, column.type, in_memory, in_file, H5P_DEFAULT, cells);
    H5Sclose(in_memory);
    H5Sclose(in_file);
    if (status < 0) throw std::runtime_error("HDF5 cannot write");
  }

  hid_t file_;
  std::size_t rows_per_chunk_;
  std::vector<Column> columns_;
  std::vector<std::int32_t> none_;
  std::vector<std::int64_t> counts_, zeros_;
};

}  // namespace ranklog::bench
