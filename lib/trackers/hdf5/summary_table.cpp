#include "trackers/hdf5/summary_table.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "hdf5/layout.hpp"
#include "trackers/hdf5/dimension_scales.hpp"
#include "trackers/hdf5/output_file.hpp"
#include "trackers/hdf5/series.hpp"
#include "trackers/hdf5/summary.hpp"

namespace ranklog::trackers::hdf5 {
namespace {

constexpr std::size_t min_chunk_rows = 16;
constexpr std::size_t max_chunk_rows = 4096;

std::vector<Column> make_columns() {
  std::vector<Column> columns;
  for (const char* const name : {"last", "min", "max", "mean"}) {
    columns.emplace_back(name, Cell::real);
  }
  for (const char* const name :
       {"count", "last_step", "nan_rows", "first_nan_step", "worst_rows", "compared_rows"}) {
    columns.emplace_back(name, Cell::integer);
  }
  for (const char* const name : {"first_nan_rank", "worst_rank"}) {
    columns.emplace_back(name, Cell::rank);
  }
  return columns;
}

}  // namespace

void SummaryTable::add_cells(const Summary& summary) {
  const auto& held = summary.n_rows_worst;
  const auto worst = std::max_element(held.begin(), held.end());  // on a tie the lowest rank
  auto column = columns_.begin();
  for (const double cell : {summary.last, summary.min, summary.max, summary.mean()}) {
    (column++)->add(cell);
  }
  for (const std::int64_t cell :
       {summary.count, summary.last_step, summary.n_nan_rows, summary.first_nan_step,
        held.empty() ? std::int64_t{0} : *worst, summary.n_rows_compared}) {
    (column++)->add(cell);
  }
  const auto worst_rank = static_cast<std::int32_t>(held.empty() ? -1 : worst - held.begin());
  for (const std::int32_t cell : {summary.first_nan_rank, worst_rank}) (column++)->add(cell);
}

// Metrics of which the file holds nothing yet have no group, and no row here.
void SummaryTable::take_new_rows() {
  const auto known = std::stable_partition(unwritten_.begin(), unwritten_.end(),
                                           [](const Series* one) { return !one->path().empty(); });
  for (auto one = unwritten_.begin(); one != known; ++one) rows_.push_back({*one, -1});
  unwritten_.erase(unwritten_.begin(), known);
}

void SummaryTable::create(const OutputFile& file) {
  const std::string path = h5::summary_group;
  const h5::Group group = make_group(file.id(), path.substr(1));
  const hsize_t chunk_rows =
      std::bit_ceil(std::clamp(rows_.size(), min_chunk_rows, max_chunk_rows));
  columns_ = make_columns();
  key_.create(file, group.get(), chunk_rows, {});
  make_scale(key_.dataset(), "key");
  std::vector<ScaleUse> uses;
  for (Column& column : columns_) {
    column.create(file, group.get(), chunk_rows, {key_.reference()});
    uses.push_back({column.reference(), 0});
  }
  list_uses(key_.dataset(), uses);
}

void SummaryTable::write(const OutputFile& file, bool is_last) {
  take_new_rows();
  if (!key_.is_created()) {
    if (rows_.empty() && !is_last) return;
    create(file);
  }
  const std::string path = h5::summary_group;
  for (std::size_t i = n_keys_written_; i < rows_.size(); ++i) {
    key_.add(std::string_view(rows_[i].series->info().key));
  }
  key_.write(file, path, n_keys_written_);
  n_keys_written_ = rows_.size();
  const auto changed = std::find_if(rows_.begin(), rows_.end(), [](const Row& row) {
    return row.series->summary().n_rows != row.n_rows;
  });
  for (auto row = changed; row != rows_.end(); ++row) {
    row->n_rows = row->series->summary().n_rows;
    add_cells(row->series->summary());
  }
  const auto first = static_cast<hsize_t>(changed - rows_.begin());
  for (Column& column : columns_) column.write(file, path, first);
}

void SummaryTable::close() noexcept {
  key_.close();
  for (Column& column : columns_) column.close();
}

}  // namespace ranklog::trackers::hdf5
