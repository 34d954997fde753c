#include "tools/ranklog/metric_summary.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>

namespace ranklog::tool {
namespace {

bool has_worst_rank(Reduction reduction) {
  return reduction != Reduction::any && reduction != Reduction::all &&
         reduction != Reduction::first && reduction != Reduction::last;
}

std::optional<WorstRank> find_worst_rank(const Series& series) {
  if (!has_worst_rank(series.info.reduction)) return std::nullopt;
  const auto& ranks = series.info.reduction == Reduction::min ? series.min_rank : series.max_rank;
  const std::size_t n_rows = std::min({ranks.size(), series.min.size(), series.max.size()});
  std::map<std::int32_t, std::int64_t> n_rows_held;
  WorstRank worst;
  for (std::size_t row = 0; row < n_rows; ++row) {
    const bool ranks_differ = series.min[row] < series.max[row];
    if (!ranks_differ || ranks[row] < 0 || !is_present(series, row)) continue;
    ++worst.n_rows_compared;
    ++n_rows_held[ranks[row]];
  }
  for (const auto& [rank, n_held] : n_rows_held) {  // ascending ranks: a tie keeps the lowest
    if (n_held <= worst.n_rows_held) continue;
    worst.rank = rank;
    worst.n_rows_held = n_held;
  }
  if (worst.n_rows_compared == 0) return std::nullopt;
  return worst;
}

void count_nan(const Series& series, std::size_t row, MetricSummary& summary) {
  const bool some_rank = row < series.nan_count.size() && series.nan_count[row] > 0;
  if (!some_rank && !std::isnan(series.value[row])) return;
  ++summary.n_nan_rows;
  if (summary.first_nan_step) return;
  summary.first_nan_step = series.step[row];
  const bool has_rank = row < series.first_nan_rank.size() && series.first_nan_rank[row] >= 0;
  if (has_rank) summary.first_nan_rank = series.first_nan_rank[row];
}

void summarize_numbers(const Series& series, MetricSummary& summary) {
  double sum = 0;
  std::int64_t n_values = 0;
  const std::size_t n_rows = std::min(series.step.size(), series.value.size());
  for (std::size_t row = 0; row < n_rows; ++row) {
    if (!is_present(series, row)) continue;
    const double value = series.value[row];
    summary.last = value;
    summary.last_step = series.step[row];
    if (row < series.integers.size()) summary.last_integer = series.integers[row];
    count_nan(series, row, summary);
    if (!std::isnan(value)) {
      sum += value;
      ++n_values;
    }
    // fmin and fmax pass over a NaN when the other operand is a number.
    if (row < series.min.size()) summary.min = std::fmin(summary.min, series.min[row]);
    if (row < series.max.size()) summary.max = std::fmax(summary.max, series.max[row]);
  }
  if (n_values > 0) summary.mean = sum / static_cast<double>(n_values);
}

}  // namespace

bool is_present(const Series& series, std::size_t row) {
  return row >= series.count.size() || series.count[row] > 0;
}

MetricSummary summarize(const Series& series) {
  MetricSummary summary;
  summary.info = series.info;
  if (series.info.kind == Kind::text) {
    if (!series.text.empty()) summary.last_text = series.text.back();
    if (!series.step.empty()) summary.last_step = series.step.back();
    return summary;
  }
  summarize_numbers(series, summary);
  summary.worst = find_worst_rank(series);
  return summary;
}

MetricSummary summarize(const SeriesInfo& info, const SummaryInfo& said) {
  MetricSummary summary;
  summary.info = info;
  summary.last_step = said.last_step;
  summary.last = said.last;
  summary.mean = said.mean;
  summary.min = said.min;
  summary.max = said.max;
  summary.n_nan_rows = said.n_nan_rows;
  summary.first_nan_step = said.first_nan_step;
  summary.first_nan_rank = said.first_nan_rank;
  if (said.worst_rank && has_worst_rank(info.reduction)) {
    summary.worst = WorstRank{*said.worst_rank, said.n_rows_worst, said.n_rows_compared};
  }
  return summary;
}

}  // namespace ranklog::tool
