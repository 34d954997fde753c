#include "trackers/hdf5/series.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "trackers/hdf5/attributes.hpp"
#include "trackers/hdf5/output_file.hpp"

namespace ranklog::trackers::hdf5 {
namespace {

// Places of a number's columns in Series::columns_.
enum : std::size_t { value, min, max, std, min_rank, max_rank, first_nan_rank, count, nan_count };

// Of one row, in all columns.
constexpr std::size_t bytes_of_number = 60;
// Of one row of a block, where counts are the same.
constexpr std::size_t bytes_of_number_in_block = 40;

std::vector<Column> make_columns(const MetricInfo& info, std::int32_t n_ranks) {
  std::vector<Column> columns;
  if (info.kind == Kind::text) {
    columns.emplace_back("value", Cell::text);
    return columns;
  }
  columns.emplace_back("value", info.has_integer_value() ? Cell::integer : Cell::real);
  for (const char* const name : {"min", "max"}) columns.emplace_back(name, Cell::real);
  // One rank always holds the extremes, and without a spread.
  const Likely of_ranks = n_ranks == 1 ? Likely::same : Likely::varies;
  columns.emplace_back("std", Cell::real, of_ranks);
  for (const char* const name : {"min_rank", "max_rank"}) {
    columns.emplace_back(name, Cell::rank, of_ranks);
  }
  columns.emplace_back("first_nan_rank", Cell::rank, Likely::same);
  for (const char* const name : {"count", "nan_count"}) {
    columns.emplace_back(name, Cell::integer, Likely::same);
  }
  return columns;
}

Cell cell_of(Kind kind) noexcept {
  if (kind == Kind::text) return Cell::text;
  return kind == Kind::real ? Cell::real : Cell::integer;
}

std::size_t n_elements(const RankPart& part, Cell cell) noexcept {
  if (cell == Cell::text) return 1;
  return cell == Cell::real ? part.reals.size() : part.integers.size();
}

}  // namespace

Series::Series(std::shared_ptr<const MetricInfo> info, std::int32_t n_ranks, std::int64_t index)
    : info_(std::move(info)),
      n_ranks_(n_ranks),
      index_(index),
      columns_(make_columns(*info_, n_ranks)) {
  if (info_->reduction != Reduction::gather) return;
  const std::vector<hsize_t> ranks{static_cast<hsize_t>(n_ranks)};
  per_rank_.emplace("per_rank", cell_of(info_->kind), ranks);
  per_rank_count_.emplace("per_rank_count", Cell::rank, ranks);
}

void Series::check(const Metric& metric) const {
  for (const RankPart& part : metric.per_rank) {
    if (part.rank >= 0 && part.rank < n_ranks_) continue;
    throw InvalidValueError(
        fmt::format("hdf5: the gathered value of '{}' has a part of rank {}, but the run has {} "
                    "ranks; the row was not written",
                    info_->key, part.rank, n_ranks_));
  }
}

std::size_t Series::add(const Metric& metric) {
  std::size_t n_bytes = bytes_of_number;
  if (is_text()) {
    columns_[value].add(std::string_view(metric.text));
    n_bytes = 40 + metric.text.size();
  } else {
    add_number(metric);
  }
  if (per_rank_) {
    add_gathered(metric);
    n_bytes += static_cast<std::size_t>(n_ranks_) * 12;
    for (const RankPart& part : metric.per_rank) n_bytes += part.text.size();
  }
  return n_bytes;
}

std::size_t Series::add(const BlockColumn& column) {
  const std::size_t n_rows = column.value.size();
  if (info_->has_integer_value()) {
    columns_[value].add_all(column.integer_value);
  } else {
    columns_[value].add_all(column.value);
  }
  columns_[min].add_all(column.min);
  columns_[max].add_all(column.max);
  columns_[std].add_all(column.std);
  columns_[min_rank].add_all(column.min_rank);
  columns_[max_rank].add_all(column.max_rank);
  columns_[first_nan_rank].add_copies(std::int32_t{-1}, n_rows);
  columns_[count].add_copies(column.count, n_rows);
  columns_[nan_count].add_copies(std::int64_t{0}, n_rows);
  return bytes_of_number_in_block * n_rows;
}

void Series::add_number(const Metric& metric) {
  const Statistics& found = metric.statistics;
  if (info_->has_integer_value()) {
    columns_[value].add(metric.integer_value);
  } else {
    columns_[value].add(metric.value);
  }
  columns_[min].add(found.min);
  columns_[max].add(found.max);
  columns_[std].add(found.std);
  columns_[min_rank].add(found.min_rank);
  columns_[max_rank].add(found.max_rank);
  columns_[first_nan_rank].add(found.first_nan_rank);
  columns_[count].add(found.count);
  columns_[nan_count].add(found.nan_count);
}

void Series::add_gathered(const Metric& metric) {
  const Cell cell = cell_of(info_->kind);
  std::size_t widest = 1;
  for (const RankPart& part : metric.per_rank) widest = std::max(widest, n_elements(part, cell));
  per_rank_->widen(widest);
  const std::size_t width = per_rank_->trailing().size() > 1 ? per_rank_->trailing()[1] : 1;
  const RankPart absent;
  auto part = metric.per_rank.begin();
  for (std::int32_t rank = 0; rank < n_ranks_; ++rank) {
    const bool is_present = part != metric.per_rank.end() && part->rank == rank;
    const RankPart& of_rank = is_present ? *part : absent;
    const std::size_t n = is_present ? n_elements(of_rank, cell) : 0;
    per_rank_count_->add(static_cast<std::int32_t>(n));
    if (cell == Cell::text) {
      per_rank_->add(std::string_view(of_rank.text));
    } else {
      for (std::size_t i = 0; i < width; ++i) {
        if (cell == Cell::real) {
          per_rank_->add(i < n ? of_rank.reals[i] : std::numeric_limits<double>::quiet_NaN());
        } else {
          per_rank_->add(i < n ? of_rank.integers[i] : std::numeric_limits<std::int64_t>::min());
        }
      }
    }
    if (is_present) ++part;
  }
}

void Series::update_summary(const Column& step) {
  const Column& worst = columns_[info_->reduction == Reduction::min ? min_rank : max_rank];
  const auto add = [&]<class Value>(CellView<Value> values) {
    summary_.add(SummaryRows<Value>{
        step.n_rows_waiting(), step.waiting<std::int64_t>(), values,
        columns_[min].waiting<double>(), columns_[max].waiting<double>(),
        worst.waiting<std::int32_t>(), columns_[first_nan_rank].waiting<std::int32_t>(),
        columns_[count].waiting<std::int64_t>(), columns_[nan_count].waiting<std::int64_t>()});
  };
  if (info_->has_integer_value()) {
    add(columns_[value].waiting<std::int64_t>());
  } else {
    add(columns_[value].waiting<double>());
  }
}

void Series::clear() noexcept {
  for (Column& column : columns_) column.clear();
  if (per_rank_) per_rank_->clear();
  if (per_rank_count_) per_rank_count_->clear();
}

h5::Group Series::create_group(const OutputFile& file, std::string path) {
  path_ = std::move(path);
  h5::Group group = make_group(file.id(), path_.substr(1));
  write_attributes(group.get());
  if (per_rank_) {
    h5::checked(
        H5Lcreate_hard(file.id(), "/ranks/rank", group.get(), "rank", H5P_DEFAULT, H5P_DEFAULT),
        "link /ranks/rank into", path_);
  }
  return group;
}

void Series::write_attributes(hid_t group) const {
  write_attribute(group, "key", storable(info_->key));
  write_attribute(group, "kind", to_string(info_->kind));
  write_attribute(group, "reduction", to_string(info_->reduction));
  write_attribute(group, "unit", storable(info_->unit));
  write_attribute(group, "long_name", storable(info_->long_name));
  write_attribute(group, "dtype",
                  is_text() ? "string" : (info_->has_integer_value() ? "int64" : "float64"));
  write_attribute(group, "nan", info_->nan == NanPolicy::skip ? "skip" : "propagate");
  write_attribute(group, "index", index_);
}

std::vector<hobj_ref_t> Series::scales_of(const OutputFile& file, const Column& column,
                                          hobj_ref_t step_scale) const {
  std::vector<hobj_ref_t> scales{step_scale};
  if (!column.trailing().empty()) scales.push_back(file.rank_scale());
  if (column.trailing().size() > 1) scales.push_back(element_->reference());
  return scales;
}

// Makes or extends the scale 0, 1, 2, ... of the elements that one rank gave.
void Series::write_element_scale(OutputFile& file, hid_t group) {
  const hsize_t width = per_rank_->trailing()[1];
  if (!element_) {
    element_.emplace("element", Cell::rank);
    element_->create(file, group, std::max<hsize_t>(width, 16), {});
    make_scale(element_->dataset(), "element");
  }
  for (hsize_t i = n_elements_written_; i < width; ++i) element_->add(static_cast<std::int32_t>(i));
  element_->write(file, path_, n_elements_written_);
  n_elements_written_ = width;
}

void Series::create_columns(OutputFile& file, hid_t group, hsize_t chunk_rows,
                            hobj_ref_t step_scale) {
  for (Column& column : columns_) column.create(file, group, chunk_rows, {step_scale});
  if (!info_->unit.empty()) {
    write_attribute(columns_[value].dataset(), "units", storable(info_->unit));
  }
  if (!info_->long_name.empty()) {
    write_attribute(columns_[value].dataset(), "long_name", storable(info_->long_name));
  }
  if (!per_rank_) return;
  if (per_rank_->trailing().size() > 1) write_element_scale(file, group);
  for (Column* const column : {&*per_rank_, &*per_rank_count_}) {
    column->create(file, group, chunk_rows, scales_of(file, *column, step_scale));
    file.add_rank_use({column->reference(), 1});
  }
  if (element_) list_uses(element_->dataset(), {{per_rank_->reference(), 2}});
}

bool Series::write(OutputFile& file, hsize_t chunk_rows, hsize_t n_rows_written,
                   const Column& step) {
  if (!is_text()) update_summary(step);
  for (Column& column : columns_) column.write(file, path_, n_rows_written);
  return per_rank_ && write_gathered(file, chunk_rows, n_rows_written, step.reference());
}

bool Series::write_gathered(OutputFile& file, hsize_t chunk_rows, hsize_t n_rows_written,
                            hobj_ref_t step_scale) {
  const bool is_outgrown = per_rank_->has_outgrown_dataset();
  const bool is_3d = per_rank_->trailing().size() > 1;
  if (is_outgrown || (is_3d && per_rank_->trailing()[1] > n_elements_written_)) {
    const h5::Group group(
        h5::checked(H5Gopen2(file.id(), path_.c_str(), H5P_DEFAULT), "open group", path_));
    write_element_scale(file, group.get());
    if (is_outgrown) {
      const hobj_ref_t old = per_rank_->reference();
      per_rank_->recreate(file, group.get(), chunk_rows, n_rows_written,
                          scales_of(file, *per_rank_, step_scale));
      file.remove_rank_use(old);
      file.add_rank_use({per_rank_->reference(), 1});
      list_uses(element_->dataset(), {{per_rank_->reference(), 2}});
    }
  }
  per_rank_->write(file, path_, n_rows_written);
  per_rank_count_->write(file, path_, n_rows_written);
  return is_outgrown;
}

void Series::attach(const OutputFile& file, hobj_ref_t step_scale) {
  for (Column& column : columns_) column.attach(file, path_, {step_scale});
  if (!per_rank_) return;
  // A dataset that is about to be made anew is attached then.
  if (!per_rank_->has_outgrown_dataset()) {
    per_rank_->attach(file, path_, scales_of(file, *per_rank_, step_scale));
  }
  per_rank_count_->attach(file, path_, scales_of(file, *per_rank_count_, step_scale));
}

void Series::close_datasets() noexcept {
  for (Column& column : columns_) column.close();
  for (std::optional<Column>* const column : {&per_rank_, &per_rank_count_, &element_}) {
    if (*column) (*column)->close();
  }
}

void Series::list_step_uses(std::vector<ScaleUse>& uses) const {
  for (const Column& column : columns_) uses.push_back({column.reference(), 0});
  if (per_rank_) uses.push_back({per_rank_->reference(), 0});
  if (per_rank_count_) uses.push_back({per_rank_count_->reference(), 0});
}

}  // namespace ranklog::trackers::hdf5
