#include "sync/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "ranklog/key.hpp"

namespace ranklog::sync {
namespace {

constexpr std::int64_t first_rows = 16;  // read at first, to learn how large rows are
constexpr std::int64_t max_rows = 8192;
constexpr std::size_t max_bytes = std::size_t{64} << 20;  // of all columns that are being read

// Trackers and the delivery state rely on what log() accepts as a key.
void check_key(const RunReader& run, const std::string& key) {
  if (!key.empty() && key.size() <= max_key_bytes && escape_unprintable(key) == key) return;
  throw FileFormatError(fmt::format("the run {} has a metric with the key '{}', which is no key",
                                    escape_unprintable(run.path().string(), 1000),
                                    escape_unprintable(key)));
}

std::shared_ptr<const MetricInfo> info_of(const SeriesInfo& series, std::size_t index) {
  auto info = std::make_shared<MetricInfo>();
  info->key = series.key;
  info->index = static_cast<std::uint32_t>(index);
  info->kind = series.kind;
  info->reduction = series.reduction;
  info->nan = series.nan;
  info->unit = series.unit;
  info->long_name = series.long_name;
  return info;
}

std::size_t bytes_of_row(const Series& rows) {
  if (rows.step.empty()) return 1;
  std::size_t text = 0;
  for (const auto* const texts : {&rows.text, &rows.per_rank_text}) {
    for (const auto& one : *texts) text += one.size() + sizeof(std::string);
  }
  constexpr std::size_t of_scalars = 96;
  const std::size_t cells =
      rows.per_rank.size() + rows.per_rank_integers.size() + rows.per_rank_count.size();
  return of_scalars + (text + cells * sizeof(double)) / rows.step.size();
}

template <class T>
T cell_at(const std::vector<T>& column, std::size_t row, T absent = {}) {
  return row < column.size() ? column[row] : absent;
}

Statistics statistics_of(const Series& rows, std::size_t row) {
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  Statistics found;
  found.count = cell_at(rows.count, row);
  found.nan_count = cell_at(rows.nan_count, row);
  found.weight = static_cast<double>(found.count - found.nan_count);
  found.min = cell_at(rows.min, row, unknown);
  found.max = cell_at(rows.max, row, unknown);
  found.std = cell_at(rows.std, row, unknown);
  found.min_rank = cell_at(rows.min_rank, row, -1);
  found.max_rank = cell_at(rows.max_rank, row, -1);
  found.first_nan_rank = cell_at(rows.first_nan_rank, row, -1);
  // The file has no column for it; it is the value of metrics that are reduced to it.
  const bool is_mean =
      rows.info.reduction == Reduction::mean || rows.info.reduction == Reduction::gather;
  const double value = cell_at(rows.value, row, unknown);
  found.mean = is_mean && std::isfinite(value) ? value : unknown;
  return found;
}

std::vector<RankPart> parts_of(const Series& rows, std::size_t row) {
  std::vector<RankPart> parts;
  const std::size_t n_ranks = rows.per_rank_count.size() / rows.step.size();
  const auto width = static_cast<std::size_t>(std::max<std::int64_t>(rows.per_rank_width, 1));
  for (std::size_t rank = 0; rank < n_ranks; ++rank) {
    const std::size_t cell = row * n_ranks + rank;
    const std::int64_t n_given = rows.per_rank_count[cell];
    if (n_given <= 0) continue;
    RankPart part;
    part.rank = static_cast<std::int32_t>(rank);
    const auto n = std::min(static_cast<std::size_t>(n_given), width);
    const auto copy = [&](const auto& from, auto& to) {
      const std::size_t begin = cell * width;
      for (std::size_t i = begin; i < std::min(begin + n, from.size()); ++i) to.push_back(from[i]);
    };
    if (rows.info.kind == Kind::text) {
      part.text = cell_at(rows.per_rank_text, cell);
    } else if (rows.info.kind == Kind::real) {
      copy(rows.per_rank, part.reals);
    } else {
      copy(rows.per_rank_integers, part.integers);
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

Metric metric_of(const Series& rows, std::size_t row,
                 const std::shared_ptr<const MetricInfo>& info) {
  Metric metric;
  metric.info = info;
  if (info->kind == Kind::text) {
    metric.text = cell_at(rows.text, row);
  } else {
    metric.value = cell_at(rows.value, row);
    metric.integer_value = cell_at(rows.integers, row);
    metric.statistics = statistics_of(rows, row);
  }
  if (info->reduction == Reduction::gather) metric.per_rank = parts_of(rows, row);
  return metric;
}

}  // namespace

struct Replay::Column {
  std::shared_ptr<const MetricInfo> info;
  std::int64_t n_rows = 0;
  std::int64_t next = 0;   // the row that comes next
  std::int64_t first = 0;  // the row that `rows` begins with
  Series rows;
  std::size_t row_bytes = 0;
  bool is_head = false;  // has an entry in heads_
};

Replay::Replay(RunReader& run, const Position& position)
    : run_(run),
      n_ranks_(static_cast<std::int32_t>(std::clamp<std::int64_t>(
          run.info().n_ranks, 1, std::numeric_limits<std::int32_t>::max()))),
      skipped_(position) {
  refresh();
}

Replay::~Replay() = default;

void Replay::refresh() {
  n_cells_ = 0;
  for (const SeriesInfo& series : run_.series()) {
    auto [found, is_new] = index_.try_emplace(series.key, columns_.size());
    if (is_new) {
      check_key(run_, series.key);
      auto column = std::make_unique<Column>();
      column->info = info_of(series, columns_.size());
      if (const auto skipped = skipped_.find(series.key); skipped != skipped_.end()) {
        column->next = std::min(skipped->second, series.n_rows);
        skipped_.erase(skipped);
      }
      n_cells_done_ += column->next;
      columns_.push_back(std::move(column));
    }
    Column& column = *columns_[found->second];
    column.n_rows = series.n_rows;
    n_cells_ += series.n_rows;
    if (!column.is_head) push_head(found->second);
  }
}

// NaN has no place in an order; a damaged file may hold it.
bool Replay::is_later(const Head& a, const Head& b) noexcept {
  if (a.time != b.time) return a.time > b.time;
  return a.step != b.step ? a.step > b.step : a.column > b.column;
}

void Replay::push_head(std::size_t index) {
  Column& column = *columns_[index];
  column.is_head = false;
  if (column.next >= column.n_rows) return;
  const auto in_rows = [&] { return static_cast<std::size_t>(column.next - column.first); };
  if (column.next < column.first || in_rows() >= column.rows.step.size()) load(column);
  if (in_rows() >= column.rows.step.size()) return;  // a job took the row back
  const double time = column.rows.time[in_rows()];
  heads_.push_back({std::isnan(time) ? 0 : time, column.rows.step[in_rows()], index});
  std::push_heap(heads_.begin(), heads_.end(), is_later);
  column.is_head = true;
}

void Replay::load(Column& column) {
  std::int64_t n = first_rows;
  if (column.row_bytes > 0) {
    const std::size_t of_each = max_bytes / std::max<std::size_t>(columns_.size(), 1);
    n = std::clamp(static_cast<std::int64_t>(of_each / column.row_bytes), first_rows, max_rows);
  }
  column.first = column.next;
  column.rows = run_.read(
      column.info->key,
      {.columns = Columns::all, .rows = {.first = column.first, .end = column.first + n}});
  column.row_bytes = bytes_of_row(column.rows);
}

bool Replay::next(Record& record) {
  record.metrics.clear();
  std::vector<std::size_t> taken;
  while (record.metrics.empty() && !heads_.empty()) {
    const Head first = heads_.front();
    taken.clear();
    while (!heads_.empty() && heads_.front().time == first.time &&
           heads_.front().step == first.step) {
      std::pop_heap(heads_.begin(), heads_.end(), is_later);
      taken.push_back(heads_.back().column);
      heads_.pop_back();
    }
    for (const std::size_t index : taken) {
      Column& column = *columns_[index];
      const auto row = static_cast<std::size_t>(column.next - column.first);
      // Rows that no rank filled were never given to a tracker.
      const bool is_filled = column.info->kind == Kind::text || column.rows.count[row] > 0;
      if (is_filled) record.metrics.push_back(metric_of(column.rows, row, column.info));
      ++column.next;
      ++n_cells_done_;
    }
    for (const std::size_t index : taken) push_head(index);
    record.step = record.row_step = first.step;
    record.time = first.time;
  }
  record.n_ranks = n_ranks_;
  return !record.metrics.empty();
}

Position Replay::position() const {
  Position position = skipped_;
  for (const auto& column : columns_) position[column->info->key] = column->next;
  return position;
}

}  // namespace ranklog::sync
