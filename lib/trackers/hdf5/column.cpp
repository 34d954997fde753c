#include "trackers/hdf5/column.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <numeric>
#include <utility>

#include "hdf5/library.hpp"
#include "trackers/hdf5/attributes.hpp"
#include "trackers/hdf5/dimension_scales.hpp"
#include "trackers/hdf5/output_file.hpp"
#include "trackers/hdf5/row_copy.hpp"

namespace ranklog::trackers::hdf5 {
namespace {

using h5::checked;

// A chunk of a gathered metric on many ranks is kept below this many cells (1 MiB of doubles).
constexpr hsize_t max_chunk_cells = 131072;

hsize_t product(const std::vector<hsize_t>& extents) {
  return std::accumulate(extents.begin(), extents.end(), hsize_t{1}, std::multiplies<>());
}

std::vector<hsize_t> with_rows(hsize_t n_rows, const std::vector<hsize_t>& trailing) {
  std::vector<hsize_t> extents{n_rows};
  extents.insert(extents.end(), trailing.begin(), trailing.end());
  return extents;
}

// What an existing dataset gives for rows that were never written; empty if it gives nothing.
std::vector<std::byte> stored_fill(hid_t dataset, Cell cell) {
  const h5::PropertyList creation(checked(H5Dget_create_plist(dataset), "read", "the fill value"));
  if (!h5::gives_fill_value(creation.get())) return {};
  std::vector<std::byte> fill(bytes_of(cell));
  checked(H5Pget_fill_value(creation.get(), memory_type(cell, H5I_INVALID_HID), fill.data()),
          "read", "the fill value");
  return fill;
}

}  // namespace

Column::Column(const char* name, Cell cell, std::vector<hsize_t> trailing)
    : name_(name), cell_(cell), trailing_(std::move(trailing)) {}

Column::Column(const char* name, Cell cell, Likely likely)
    : name_(name), cell_(cell), likely_(likely) {}

bool Column::takes_same(const void* cell) {
  if (likely_ != Likely::same || !cells_.empty()) return false;
  const std::size_t width = bytes_of(cell_);
  if (n_same_ == 0) std::memcpy(same_.data(), cell, width);
  if (std::memcmp(same_.data(), cell, width) == 0) return true;
  spread();
  return false;
}

void Column::spread() {
  const std::size_t width = bytes_of(cell_);
  for (; n_same_ > 0; --n_same_) cells_.insert(cells_.end(), same_.data(), same_.data() + width);
}

void Column::add(std::string_view text) { texts_.push_back(storable(text)); }

void Column::clear() noexcept {
  n_same_ = 0;
  cells_.clear();
  texts_.clear();
}

void Column::copy_waiting_from(const Column& other) {
  cells_ = other.cells_;
  texts_ = other.texts_;
  same_ = other.same_;
  n_same_ = other.n_same_;
  spread();
}

std::vector<std::byte> Column::common_cell() const {
  const std::size_t width = bytes_of(cell_);
  if (n_same_ > 0) return {same_.data(), same_.data() + width};
  if (cells_.size() < width) return {};
  const bool is_same =
      std::memcmp(cells_.data(), cells_.data() + width, cells_.size() - width) == 0;
  if (!is_same) return {};
  return {cells_.begin(), cells_.begin() + static_cast<std::ptrdiff_t>(width)};
}

hsize_t Column::cells_per_row() const noexcept { return product(trailing_); }

hsize_t Column::n_rows_waiting() const noexcept {
  const std::size_t n = cell_ == Cell::text ? texts_.size() : cells_.size() / bytes_of(cell_);
  return n_same_ + n / std::max<hsize_t>(cells_per_row(), 1);
}

void Column::widen(hsize_t n_elements) {
  const hsize_t n_ranks = trailing_.front();
  const hsize_t old_width = trailing_.size() > 1 ? trailing_[1] : 1;
  if (n_elements <= old_width) return;
  const std::size_t width = bytes_of(cell_);
  std::vector<std::byte> wider;
  wider.reserve(cells_.size() / old_width * n_elements);
  const auto* const fill = static_cast<const std::byte*>(fill_value(cell_));
  for (std::size_t at = 0; at < cells_.size(); at += old_width * width) {
    wider.insert(wider.end(), cells_.data() + at, cells_.data() + at + old_width * width);
    for (hsize_t i = old_width; i < n_elements; ++i) wider.insert(wider.end(), fill, fill + width);
  }
  cells_ = std::move(wider);
  trailing_ = {n_ranks, n_elements};
}

std::vector<hsize_t> Column::chunk_shape(hsize_t chunk_rows) const {
  std::vector<hsize_t> chunk = with_rows(chunk_rows, trailing_);
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    while (product(chunk) > max_chunk_cells && chunk[i] > 1) chunk[i] = (chunk[i] + 1) / 2;
  }
  return chunk;
}

void Column::create(const OutputFile& file, hid_t group, hsize_t chunk_rows,
                    const std::vector<hobj_ref_t>& scales) {
  std::vector<hsize_t> limits = with_rows(H5S_UNLIMITED, trailing_);
  if (trailing_.size() > 1) limits.back() = H5S_UNLIMITED;
  const std::vector<hsize_t> extents = with_rows(0, trailing_);
  const h5::Space space(
      checked(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), limits.data()),
              "create dataset", name_));
  if (likely_ == Likely::same) fill_ = common_cell();
  const hid_t creation = file.dataset_creation(cell_, chunk_shape(chunk_rows), fill_);
  dataset_ =
      h5::Dataset(checked(H5Dcreate2(group, name_, file_type(cell_, file.text_type()), space.get(),
                                     H5P_DEFAULT, creation, file.dataset_access()),
                          "create dataset", name_));
  created_trailing_ = trailing_;
  // In files the numbers are little-endian; an adopted dataset may have filters.
  const bool is_as_in_memory = std::endian::native == std::endian::little && cell_ != Cell::text;
  direct_rows_ = is_as_in_memory && trailing_.empty() ? chunk_rows : 0;
  checked(H5Rcreate(&reference_, dataset_.get(), ".", H5R_OBJECT, -1), "refer to dataset", name_);
  if (!scales.empty()) attach_scales(dataset_.get(), scales);
}

void Column::adopt(const OutputFile& file, const std::string& path) {
  open(file, path);
  trailing_ = extents_of(dataset_.get());
  trailing_.erase(trailing_.begin());
  created_trailing_ = trailing_;
  if (likely_ == Likely::same) fill_ = stored_fill(dataset_.get(), cell_);
  checked(H5Rcreate(&reference_, dataset_.get(), ".", H5R_OBJECT, -1), "refer to dataset", name_);
  close();
}

void Column::open(const OutputFile& file, const std::string& path) {
  if (dataset_) return;
  const std::string full = path + '/' + name_;
  // A path among 10,000 metrics is long to look up.
  const hid_t id = is_created()
                       ? H5Rdereference2(file.id(), file.dataset_access(), H5R_OBJECT, &reference_)
                       : H5Dopen2(file.id(), full.c_str(), file.dataset_access());
  dataset_ = h5::Dataset(checked(id, "open dataset", full));
}

// Moves whole rows between memory and the dataset, in either direction.
void Column::transfer(const OutputFile& file, hsize_t first_row, hsize_t n_rows, const void* from,
                      void* to) const {
  const std::vector<hsize_t> count = with_rows(n_rows, created_trailing_);
  std::vector<hsize_t> start(count.size(), 0);
  start.front() = first_row;
  const h5::Space in_file(checked(H5Dget_space(dataset_.get()), "select rows of", name_));
  checked(H5Sselect_hyperslab(in_file.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(),
                              nullptr),
          "select rows of", name_);
  const h5::Space in_memory(
      checked(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr),
              "select rows of", name_));
  const hid_t type = memory_type(cell_, file.text_type());
  if (from != nullptr) {
    checked(H5Dwrite(dataset_.get(), type, in_memory.get(), in_file.get(), H5P_DEFAULT, from),
            "write dataset", name_);
  } else {
    checked(H5Dread(dataset_.get(), type, in_memory.get(), in_file.get(), H5P_DEFAULT, to),
            "read dataset", name_);
  }
}

void Column::write(const OutputFile& file, const std::string& path, hsize_t n_rows_written) {
  const hsize_t n_rows = n_rows_waiting();
  if (n_rows == 0) return;
  open(file, path);
  const std::vector<hsize_t> extents = with_rows(n_rows_written + n_rows, trailing_);
  checked(H5Dset_extent(dataset_.get(), extents.data()), "extend dataset", path + '/' + name_);
  created_trailing_ = trailing_;
  if (cell_ == Cell::text) {
    std::vector<const char*> pointers;
    pointers.reserve(texts_.size());
    for (const std::string& text : texts_) pointers.push_back(text.c_str());
    transfer(file, n_rows_written, n_rows, pointers.data(), nullptr);
  } else if (fill_.empty() || common_cell() != fill_) {
    spread();
    write_cells(file, n_rows_written, n_rows);
  }
  clear();
}

void Column::write_cells(const OutputFile& file, hsize_t first_row, hsize_t n_rows) const {
  const std::byte* from = cells_.data();
  const std::size_t row_bytes = cells_per_row() * bytes_of(cell_);
  while (n_rows > 0) {
    hsize_t n = n_rows;
    const hsize_t n_before = direct_rows_ > 0 ? first_row % direct_rows_ : 0;
    if (n_before > 0) n = std::min(n, direct_rows_ - n_before);
    if (direct_rows_ > 0 && n_before == 0 && n >= direct_rows_) {
      n = direct_rows_;
      checked(H5Dwrite_chunk(dataset_.get(), H5P_DEFAULT, 0, &first_row, n * row_bytes, from),
              "write dataset", name_);
    } else {
      transfer(file, first_row, n, from, nullptr);
    }
    from += n * row_bytes;
    first_row += n;
    n_rows -= n;
  }
}

void Column::write_new(const OutputFile& file, const std::string& path,
                       const std::vector<hobj_ref_t>& scales) {
  const h5::Group group(
      checked(H5Gopen2(file.id(), path.c_str(), H5P_DEFAULT), "open group", path));
  create(file, group.get(), std::max<hsize_t>(n_rows_waiting(), 1), scales);
  write(file, path, 0);
}

void Column::read(const OutputFile& file, const std::string& path, hsize_t first_row,
                  hsize_t n_rows, void* cells) {
  open(file, path);
  transfer(file, first_row, n_rows, nullptr, cells);
}

void Column::attach(const OutputFile& file, const std::string& path,
                    const std::vector<hobj_ref_t>& scales) {
  open(file, path);
  attach_scales(dataset_.get(), scales);
}

void Column::recreate(const OutputFile& file, hid_t group, hsize_t chunk_rows,
                      hsize_t n_rows_written, const std::vector<hobj_ref_t>& scales) {
  Column old(name_, cell_, created_trailing_);
  old.created_trailing_ = created_trailing_;
  old.dataset_ = dataset_ ? std::move(dataset_)
                          : h5::Dataset(checked(H5Dopen2(group, name_, file.dataset_access()),
                                                "open dataset", name_));
  checked(H5Ldelete(group, name_, H5P_DEFAULT), "replace dataset", name_);
  Column wider(name_, cell_, trailing_);
  wider.create(file, group, chunk_rows, scales);
  const hsize_t rows_per_block = std::max<hsize_t>(max_chunk_cells / product(trailing_), 1);
  for (hsize_t row = 0; row < n_rows_written; row += rows_per_block) {
    const hsize_t n_rows = std::min(rows_per_block, n_rows_written - row);
    Column block(name_, cell_, created_trailing_);
    block.cells_.resize(n_rows * block.cells_per_row() * bytes_of(cell_));
    old.transfer(file, row, n_rows, nullptr, block.cells_.data());
    block.widen(trailing_.back());
    wider.cells_ = std::move(block.cells_);
    wider.write(file, {}, row);
  }
  dataset_ = std::move(wider.dataset_);
  created_trailing_ = trailing_;
  reference_ = wider.reference_;
}

}  // namespace ranklog::trackers::hdf5
