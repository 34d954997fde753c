#include "reader/columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "hdf5/library.hpp"
#include "reader/objects.hpp"
#include "reader/text_memory.hpp"

namespace ranklog::reader {
namespace {

using h5::checked;

// The best that deflate can do: 258 bytes for two bits. A file that was repacked with a filter may
// hold that many times its stored bytes, and no more.
constexpr hsize_t max_compression = 1032;
constexpr std::size_t rows_per_text_block = 4096;
constexpr std::size_t min_text_budget = 64u << 20;

// Text of a block may be stored once and meant many times, but not without limit.
std::size_t text_budget(hid_t dataset) {
  const h5::File file(checked(H5Iget_file_id(dataset), "find", "the file"));
  hsize_t n_bytes = 0;
  checked(H5Fget_filesize(file.get(), &n_bytes), "measure", "the file");
  return std::max<std::size_t>(min_text_budget, n_bytes * 4);
}

}  // namespace

RowDataset::RowDataset(hid_t group, const char* name, std::size_t max_dimensions, Gaps gaps)
    : name_(name) {
  if (!has_dataset(group, name)) throw Damage(fmt::format("the dataset '{}' is missing", name));
  // Rows are read once and in blocks, so a cache of chunks would only copy them.
  const h5::PropertyList access(checked(H5Pcreate(H5P_DATASET_ACCESS), "make", "a list"));
  checked(H5Pset_chunk_cache(access.get(), 0, 0, 0.75), "set", "the chunk cache");
  dataset_ = h5::Dataset(checked(H5Dopen2(group, name, access.get()), "open dataset", name));
  const h5::Space space(checked(H5Dget_space(dataset_.get()), "read dataset", name));
  const int n = H5Sget_simple_extent_ndims(space.get());
  const bool is_simple = H5Sget_simple_extent_type(space.get()) == H5S_SIMPLE;
  const std::size_t least = max_dimensions == 1 ? 1 : 2;
  if (!is_simple || n < static_cast<int>(least) || n > static_cast<int>(max_dimensions)) {
    throw Damage(
        fmt::format("the dataset '{}' has {} dimensions instead of {}", name, n, max_dimensions));
  }
  extents_.resize(static_cast<std::size_t>(n));
  checked(H5Sget_simple_extent_dims(space.get(), extents_.data(), nullptr), "read dataset", name);
  check_storage(gaps);
}

std::size_t RowDataset::cells_per_row() const noexcept {
  std::size_t n = 1;
  for (std::size_t i = 1; i < extents_.size(); ++i) n *= extents_[i];
  return n;
}

void RowDataset::check_storage(Gaps gaps) const {
  const h5::Type type(checked(H5Dget_type(dataset_.get()), "read dataset", name_));
  const h5::PropertyList creation(
      checked(H5Dget_create_plist(dataset_.get()), "read dataset", name_));
  if (gaps == Gaps::filled && h5::gives_fill_value(creation.get())) return;
  const bool is_filtered = H5Pget_nfilters(creation.get()) > 0;
  const hsize_t n_stored = H5Dget_storage_size(dataset_.get());
  hsize_t n_cells_possible = n_stored / std::max<std::size_t>(H5Tget_size(type.get()), 1);
  if (is_filtered) n_cells_possible *= max_compression;
  hsize_t n_rows_possible = n_cells_possible;
  for (std::size_t i = 1; i < extents_.size(); ++i) {
    n_rows_possible /= std::max<hsize_t>(extents_[i], 1);
  }
  if (extents_.front() > n_rows_possible) {
    throw Damage(fmt::format("the dataset '{}' claims {} rows, but the file holds {} bytes of it",
                             name_, extents_.front(), n_stored));
  }
}

void RowDataset::check_class(H5T_class_t wanted, const char* what) const {
  const h5::Type type(checked(H5Dget_type(dataset_.get()), "read dataset", name_));
  if (H5Tget_class(type.get()) == wanted) return;
  throw Damage(fmt::format("the dataset '{}' does not hold {}", name_, what));
}

void RowDataset::read_rows(const Rows& rows, hid_t memory_type, hid_t transfer, void* cells) const {
  std::vector<hsize_t> count = extents_;
  count.front() = rows.n;
  std::vector<hsize_t> start(count.size(), 0), stride(count.size(), 1);
  start.front() = rows.first;
  stride.front() = rows.stride;
  const h5::Space in_file(checked(H5Dget_space(dataset_.get()), "read dataset", name_));
  checked(H5Sselect_hyperslab(in_file.get(), H5S_SELECT_SET, start.data(), stride.data(),
                              count.data(), nullptr),
          "read dataset", name_);
  const h5::Space in_memory(
      checked(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr),
              "read dataset", name_));
  checked(H5Dread(dataset_.get(), memory_type, in_memory.get(), in_file.get(), transfer, cells),
          "read dataset", name_);
}

template <class T>
std::vector<T> RowDataset::read_numbers(const Rows& rows, H5T_class_t wanted, const char* what,
                                        hid_t memory_type) const {
  check_class(wanted, what);
  std::vector<T> cells(rows.n * cells_per_row());
  if (!cells.empty()) read_rows(rows, memory_type, H5P_DEFAULT, cells.data());
  return cells;
}

std::vector<double> RowDataset::reals(const Rows& rows) const {
  return read_numbers<double>(rows, H5T_FLOAT, "real numbers", H5T_NATIVE_DOUBLE);
}

std::vector<std::int64_t> RowDataset::integers(const Rows& rows) const {
  return read_numbers<std::int64_t>(rows, H5T_INTEGER, "integers", H5T_NATIVE_INT64);
}

std::vector<std::int32_t> RowDataset::small_integers(const Rows& rows) const {
  return read_numbers<std::int32_t>(rows, H5T_INTEGER, "integers", H5T_NATIVE_INT32);
}

double RowDataset::real_at(std::size_t row) const {
  return read_numbers<double>({row, 1, 1}, H5T_FLOAT, "real numbers", H5T_NATIVE_DOUBLE).front();
}

std::int64_t RowDataset::integer_at(std::size_t row) const {
  return read_numbers<std::int64_t>({row, 1, 1}, H5T_INTEGER, "integers", H5T_NATIVE_INT64).front();
}

std::vector<std::string> RowDataset::texts(const Rows& rows) const {
  check_class(H5T_STRING, "text");
  const h5::Type type(checked(H5Dget_type(dataset_.get()), "read dataset", name_));
  if (H5Tis_variable_str(type.get()) <= 0) {
    throw Damage(fmt::format("the dataset '{}' does not hold variable-length text", name_));
  }
  const h5::Type memory_type = h5::utf8_type();
  TextMemory memory(text_budget(dataset_.get()));
  const h5::PropertyList transfer = memory.transfer_list();
  std::vector<std::string> all;
  all.reserve(rows.n * cells_per_row());
  for (std::size_t done = 0; done < rows.n; done += rows_per_text_block) {
    const std::size_t n = std::min(rows_per_text_block, rows.n - done);
    std::vector<char*> pointers(n * cells_per_row(), nullptr);
    const auto release = [&] {
      for (char* const text : pointers) std::free(text);
    };
    try {
      read_rows({rows.first + done * rows.stride, n, rows.stride}, memory_type.get(),
                transfer.get(), pointers.data());
      for (const char* const text : pointers) all.emplace_back(text == nullptr ? "" : text);
    } catch (...) {
      release();
      if (memory.is_exhausted()) {
        throw Damage(fmt::format("the dataset '{}' repeats its text beyond measure", name_));
      }
      throw;
    }
    release();
  }
  return all;
}

}  // namespace ranklog::reader
