#include "ranklog/distribution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/sketch_buckets.hpp"
#include "ranklog/error.hpp"

namespace ranklog {
namespace {

// In the middle of the bucket, where the error relative to the value is smallest.
double middle_of(int bucket) {
  if (bucket == sketch::zero_bucket) return 0;
  return 0.5 * (sketch::lower_edge(bucket) + sketch::lower_edge(bucket + 1));
}

}  // namespace

Distribution::Distribution(std::vector<std::int64_t> buckets, std::int64_t n_negative_infinite,
                           std::int64_t n_positive_infinite, std::int64_t nan_count, double min,
                           double max)
    : buckets_(std::move(buckets)),
      n_negative_infinite_(n_negative_infinite),
      n_positive_infinite_(n_positive_infinite),
      count_(std::accumulate(buckets_.begin(), buckets_.end(),
                             n_negative_infinite + n_positive_infinite)),
      nan_count_(nan_count),
      min_(count_ > 0 ? min : std::numeric_limits<double>::quiet_NaN()),
      max_(count_ > 0 ? max : std::numeric_limits<double>::quiet_NaN()) {}

double Distribution::quantile(double q) const {
  if (!(q >= 0 && q <= 1)) {
    throw UsageError(fmt::format("the quantile {} of a distribution: give 0 to 1", q));
  }
  if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
  const auto place = static_cast<std::int64_t>(q * static_cast<double>(count_ - 1));
  if (place == 0) return min_;
  if (place >= count_ - 1) return max_;
  std::int64_t n_below = n_negative_infinite_;
  if (place < n_below) return min_;
  for (int bucket = 0; bucket < sketch::n_buckets; ++bucket) {
    n_below += buckets_[static_cast<std::size_t>(bucket)];
    if (place >= n_below) continue;
    if (bucket == 0 && n_negative_infinite_ == 0) return min_;
    if (bucket == sketch::n_buckets - 1 && n_positive_infinite_ == 0) return max_;
    return std::clamp(middle_of(bucket), min_, max_);
  }
  return max_;
}

Histogram Distribution::histogram(std::size_t max_bins) const {
  constexpr std::size_t most = 512;
  if (max_bins < 1 || max_bins > most) {
    throw InvalidValueError(
        fmt::format("a histogram of at most {} bins: give 1 to {}", max_bins, most));
  }
  const auto is_used = [](std::int64_t count) { return count > 0; };
  const auto first = std::find_if(buckets_.begin(), buckets_.end(), is_used);
  if (first == buckets_.end()) return {{-0.5, 0.5}, {0.0}};
  const auto last = std::find_if(buckets_.rbegin(), buckets_.rend(), is_used).base();
  const auto n_used = static_cast<std::size_t>(last - first);
  const std::size_t n_merged = (n_used + max_bins - 1) / max_bins;
  const int start = static_cast<int>(first - buckets_.begin());
  std::vector<double> edges;
  std::vector<double> counts;
  for (std::size_t i = 0; i < n_used; i += n_merged) {
    const auto n_here = std::min(n_merged, n_used - i);
    const auto from = first + static_cast<std::ptrdiff_t>(i);
    edges.push_back(sketch::lower_edge(start + static_cast<int>(i)));
    counts.push_back(static_cast<double>(
        std::accumulate(from, from + static_cast<std::ptrdiff_t>(n_here), std::int64_t{0})));
  }
  edges.push_back(sketch::lower_edge(start + static_cast<int>(n_used)));
  // Beyond the last octave a bucket has no end of its own.
  if (std::isfinite(min_)) edges.front() = std::min(edges.front(), min_);
  if (std::isfinite(max_)) edges.back() = std::max(edges.back(), max_);
  return {std::move(edges), std::move(counts)};
}

}  // namespace ranklog
