#include "trackers/hdf5/summary.hpp"

namespace ranklog::trackers::hdf5 {

void Summary::add_worst(std::int32_t rank, std::int64_t n) {
  if (n == 0) return;
  n_rows_compared += n;
  const auto at = static_cast<std::size_t>(rank);
  if (at >= n_rows_worst.size()) n_rows_worst.resize(at + 1);
  n_rows_worst[at] += n;
}

}  // namespace ranklog::trackers::hdf5
