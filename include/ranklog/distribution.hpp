// How the elements of a device tensor on all ranks are distributed: quantiles and a histogram from
// one pass, without a range that is known before. Buckets after Masson, Rim & Lee (2019),
// "DDSketch": sixteen to each power of two, so that a bucket is at most 1/16 of its values wide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "ranklog/media.hpp"

namespace ranklog {

// A value like any other; thread safety as a standard container.
class Distribution {
 public:
  // Elements: finite and infinite ones, without NaN.
  [[nodiscard]] std::int64_t count() const noexcept { return count_; }
  [[nodiscard]] std::int64_t nan_count() const noexcept { return nan_count_; }
  // Of the elements that are not NaN; NaN without any.
  [[nodiscard]] double min() const noexcept { return min_; }
  [[nodiscard]] double max() const noexcept { return max_; }
  // A value that differs by at most 1/32 of itself from the element at place q (count() - 1) in
  // ascending order; magnitudes below 2^-64 are taken for 0, those from 2^64 on for the extreme.
  // Exact for q = 0 and 1; NaN without elements. Errors: UsageError unless q is 0 to 1.
  [[nodiscard]] double quantile(double q) const;
  // Counts of the finite elements, exact, in bins whose edges grow with the values: neighbouring
  // buckets, merged until there are at most `max_bins`. Errors: InvalidValueError unless
  // max_bins is 1 to 512.
  [[nodiscard]] Histogram histogram(std::size_t max_bins = 64) const;

  // `buckets` as lib/core/sketch_buckets.hpp numbers them; made by ranklog itself.
  Distribution(std::vector<std::int64_t> buckets, std::int64_t n_negative_infinite,
               std::int64_t n_positive_infinite, std::int64_t nan_count, double min, double max);

 private:
  std::vector<std::int64_t> buckets_;
  std::int64_t n_negative_infinite_;
  std::int64_t n_positive_infinite_;
  std::int64_t count_;
  std::int64_t nan_count_;
  double min_;
  double max_;
};

// This rank's pass that start_distribution() queued. Move-only; its destructor waits for it.
class PendingDistribution {
 public:
  class Impl;
  explicit PendingDistribution(std::unique_ptr<Impl> impl) noexcept;
  ~PendingDistribution();
  PendingDistribution(PendingDistribution&&) noexcept;
  PendingDistribution& operator=(PendingDistribution&&) noexcept;

 private:
  friend class DeviceTensors;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ranklog
