// What /summary says about each numeric metric, kept up to date row by row.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "ranklog/reduction.hpp"

namespace ranklog::trackers::hdf5 {

// One row, as it stands in the columns.
struct SummaryRow {
  std::int64_t step = 0;
  double value = 0;
  double min = 0, max = 0;
  std::int32_t worst_rank = -1;  // that of the minimum for metrics reduced by min, else the maximum
  std::int32_t first_nan_rank = -1;
  std::int64_t count = 0, nan_count = 0;
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

  void add(const SummaryRow& row);
  // Of the values that are no NaN.
  [[nodiscard]] double mean() const noexcept {
    return n_values_ > 0 ? sum_ / static_cast<double>(n_values_) : nothing;
  }

 private:
  double sum_ = 0;
  std::int64_t n_values_ = 0;
};

}  // namespace ranklog::trackers::hdf5
