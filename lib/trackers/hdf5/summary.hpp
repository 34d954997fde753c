// What /summary says about each numeric metric, kept up to date row by row.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "trackers/hdf5/cell.hpp"

namespace ranklog::trackers::hdf5 {

// Rows as they stand in the columns; values are real or integer.
template <class Value>
struct SummaryRows {
  std::size_t n;
  CellView<std::int64_t> step;
  CellView<Value> value;
  CellView<double> min, max;
  // That of the minimum for metrics reduced by min, else the maximum.
  CellView<std::int32_t> worst_rank;
  CellView<std::int32_t> first_nan_rank;
  CellView<std::int64_t> count, nan_count;
};

// Rows that no rank filled (count 0) are passed over.
struct Summary {
  static constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

  double last = nothing;
  double min = nothing;  // over all rows and ranks
  double max = nothing;
  std::int64_t count = 0;  // values that were logged, over all rows and ranks
  std::int64_t last_step = -1;
  std::int64_t n_rows = 0;
  std::int64_t n_nan_rows = 0;
  std::int64_t first_nan_step = -1;
  std::int32_t first_nan_rank = -1;
  std::int64_t n_rows_compared = 0;        // in which ranks differ
  std::vector<std::int64_t> n_rows_worst;  // by rank: in how many of those it was the worst

  template <class Value>
  void add(const SummaryRows<Value>& rows);
  // Of the values that are no NaN.
  [[nodiscard]] double mean() const noexcept {
    return n_values_ > 0 ? sum_ / static_cast<double>(n_values_) : nothing;
  }

 private:
  void add_worst(std::int32_t rank, std::int64_t n);

  double sum_ = 0;
  std::int64_t n_values_ = 0;
};

// This is for every row of every metric, so what changes with it stays in registers.
template <class Value>
void Summary::add(const SummaryRows<Value>& rows) {
  double lowest = min, highest = max, sum = sum_;
  std::int64_t n_found = 0, n_counted = 0, n_summed = 0;
  std::int32_t worst = -1;  // of the rows at hand, and how many they are
  std::int64_t n_worst = 0;
  std::size_t newest = 0;
  for (std::size_t i = 0; i < rows.n; ++i) {
    const std::int64_t n = rows.count[i];
    if (n <= 0) continue;
    newest = i;
    ++n_found;
    n_counted += n;
    const double low = rows.min[i], high = rows.max[i];
    // As fmin and fmax, which pass over NaN.
    if (low < lowest || std::isnan(lowest)) lowest = low;
    if (high > highest || std::isnan(highest)) highest = high;
    const auto value = static_cast<double>(rows.value[i]);
    const bool is_nan = std::isnan(value);
    if (!is_nan) {
      sum += value;
      ++n_summed;
    }
    if ((rows.nan_count[i] > 0 || is_nan) && n_nan_rows++ == 0) {
      first_nan_step = rows.step[i];
      first_nan_rank = rows.first_nan_rank[i];
    }
    const std::int32_t rank = rows.worst_rank[i];
    if (!(low < high) || rank < 0) continue;
    if (rank != worst) {
      add_worst(worst, std::exchange(n_worst, 0));
      worst = rank;
    }
    ++n_worst;
  }
  add_worst(worst, n_worst);
  if (n_found == 0) return;
  last = static_cast<double>(rows.value[newest]);
  last_step = rows.step[newest];
  n_rows += n_found;
  count += n_counted;
  min = lowest;
  max = highest;
  sum_ = sum;
  n_values_ += n_summed;
}

}  // namespace ranklog::trackers::hdf5
