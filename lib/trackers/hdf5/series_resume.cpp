// How a metric goes on from what an earlier attempt at the run left.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/text.hpp"
#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "trackers/hdf5/output_file.hpp"
#include "trackers/hdf5/row_copy.hpp"
#include "trackers/hdf5/series.hpp"

namespace ranklog::trackers::hdf5 {
namespace {

using h5::checked;

constexpr hsize_t rows_per_block = 65536;

// A column of numbers, read block by block.
template <class T>
class BlockReader {
 public:
  BlockReader(hid_t group, const char* name, hid_t type)
      : dataset_(checked(H5Dopen2(group, name, H5P_DEFAULT), "open dataset", name)), type_(type) {}
  void read(hsize_t first, hsize_t n) {
    cells_.resize(n);
    read_rows(dataset_.get(), first, n, type_, cells_.data());
  }
  template <class Function>
  void replace(Function function) {
    std::transform(cells_.begin(), cells_.end(), cells_.begin(), function);
  }
  [[nodiscard]] CellView<T> view() const noexcept { return {cells_.data(), 1}; }

 private:
  h5::Dataset dataset_;
  hid_t type_;
  std::vector<T> cells_;
};

}  // namespace

void Series::adopt(OutputFile& file, std::string path, hsize_t n_rows) {
  path_ = std::move(path);
  for (Column& column : columns_) column.adopt(file, path_);
  const h5::Group group(
      checked(H5Gopen2(file.id(), path_.c_str(), H5P_DEFAULT), "open group", path_));
  if (per_rank_) {
    per_rank_->adopt(file, path_);
    per_rank_count_->adopt(file, path_);
    if (checked(H5Lexists(group.get(), "element", H5P_DEFAULT), "look for", "element") > 0) {
      element_.emplace("element", Cell::rank);
      element_->adopt(file, path_);
      n_elements_written_ = per_rank_->trailing().back();
    }
    file.add_rank_use({per_rank_->reference(), 1});
    file.add_rank_use({per_rank_count_->reference(), 1});
  }
  if (!is_text()) restore_summary(group.get(), n_rows);
}

void Series::restore_summary(hid_t group, hsize_t n_rows) {
  const char* const worst = info_->reduction == Reduction::min ? "min_rank" : "max_rank";
  BlockReader<std::int64_t> step(group, "step", H5T_NATIVE_INT64);
  BlockReader<double> value(group, "value", H5T_NATIVE_DOUBLE);
  BlockReader<double> min(group, "min", H5T_NATIVE_DOUBLE), max(group, "max", H5T_NATIVE_DOUBLE);
  BlockReader<std::int32_t> rank(group, worst, H5T_NATIVE_INT32);
  BlockReader<std::int32_t> nan_rank(group, "first_nan_rank", H5T_NATIVE_INT32);
  BlockReader<std::int64_t> count(group, "count", H5T_NATIVE_INT64);
  BlockReader<std::int64_t> nan_count(group, "nan_count", H5T_NATIVE_INT64);
  for (hsize_t row = 0; row < n_rows; row += rows_per_block) {
    const hsize_t n = std::min(rows_per_block, n_rows - row);
    step.read(row, n);
    for (auto* const column : {&value, &min, &max}) column->read(row, n);
    for (auto* const column : {&rank, &nan_rank}) column->read(row, n);
    for (auto* const column : {&count, &nan_count}) column->read(row, n);
    rank.replace([&](std::int32_t one) { return one < n_ranks_ ? one : -1; });
    summary_.add(SummaryRows<double>{n, step.view(), value.view(), min.view(), max.view(),
                                     rank.view(), nan_rank.view(), count.view(), nan_count.view()});
  }
}

void Series::go_on_as(std::shared_ptr<const MetricInfo> info) {
  const auto describe = [](const MetricInfo& one) {
    return fmt::format("{} under {}{}", to_string(one.kind), to_string(one.reduction),
                       one.nan == NanPolicy::skip ? ", NaN skipped" : "");
  };
  if (describe(*info) != describe(*info_)) {
    throw ConflictError(fmt::format(
        "hdf5: '{}' was recorded as {} by earlier attempts at this run and is {} now; its rows are "
        "not written. Log it under another key, or begin a new run",
        escape_unprintable(info->key), describe(*info_), describe(*info)));
  }
  info_ = std::move(info);
}

}  // namespace ranklog::trackers::hdf5
