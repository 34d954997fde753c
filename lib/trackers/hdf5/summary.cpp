#include "trackers/hdf5/summary.hpp"

#include <cstddef>

namespace ranklog::trackers::hdf5 {

void Summary::add(const SummaryRow& row) {
  if (row.count <= 0) return;
  last = row.value;
  last_step = row.step;
  ++n_rows;
  count += row.count;
  // As fmin and fmax, which pass over NaN; this is for every row of every metric.
  if (row.min < min || std::isnan(min)) min = row.min;
  if (row.max > max || std::isnan(max)) max = row.max;
  const bool is_nan = std::isnan(row.value);
  if (!is_nan) {
    sum_ += row.value;
    ++n_values_;
  }
  if (row.nan_count > 0 || is_nan) {
    if (n_nan_rows++ == 0) {
      first_nan_step = row.step;
      first_nan_rank = row.first_nan_rank;
    }
  }
  if (!(row.min < row.max) || row.worst_rank < 0) return;
  ++n_rows_compared;
  const auto rank = static_cast<std::size_t>(row.worst_rank);
  if (rank >= n_rows_worst.size()) n_rows_worst.resize(rank + 1);
  ++n_rows_worst[rank];
}

}  // namespace ranklog::trackers::hdf5
