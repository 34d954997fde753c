// Statistics against a straightforward reference, for random values, weights and partitions.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "core/statistics.hpp"

using ranklog::Accumulator;
using ranklog::Kind;
using ranklog::Metric;
using ranklog::MetricInfo;
using ranklog::NanPolicy;
using ranklog::Reduction;

namespace {

struct Sample {
  double value = 0;
  double weight = 1;
  std::int32_t rank = 0;
};

struct Expected {
  std::int64_t nan_count = 0;
  long double weight = 0, mean = 0, std = 0, sum = 0;
  long double largest = 0;  // magnitude: what rounding errors are relative to
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  std::int32_t min_rank = -1, max_rank = -1, first_nan_rank = -1;
};

// Two passes in long double; samples are in rank order, so the first of equals has the lowest rank.
Expected reference(const std::vector<Sample>& samples) {
  Expected e;
  for (const auto& s : samples) {
    if (std::isnan(s.value)) {
      ++e.nan_count;
      if (e.first_nan_rank < 0) e.first_nan_rank = s.rank;
      continue;
    }
    e.weight += s.weight;
    e.mean += static_cast<long double>(s.weight) * s.value;
    e.sum += s.value;
    e.largest = std::max(e.largest, std::abs(static_cast<long double>(s.value)));
    if (s.value < e.min) e.min_rank = s.rank;
    if (s.value > e.max) e.max_rank = s.rank;
    e.min = std::min(e.min, s.value);
    e.max = std::max(e.max, s.value);
  }
  if (e.weight == 0) return e;
  e.mean /= e.weight;
  for (const auto& s : samples) {
    if (!std::isnan(s.value)) e.std += s.weight * (s.value - e.mean) * (s.value - e.mean);
  }
  e.std = std::sqrt(e.std / e.weight);
  return e;
}

std::vector<Sample> random_samples(std::mt19937& random) {
  std::uniform_real_distribution<double> uniform(0, 1);
  const double scale = std::pow(10.0, 40 * uniform(random) - 20);
  const double offset = random() % 3 == 0 ? 100 * scale : 0;
  const bool is_weighted = random() % 2 == 0;
  const bool has_nan = random() % 3 == 0;
  const bool has_ties = random() % 3 == 0;
  std::vector<Sample> samples(1 + random() % 64);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    double value = 2 * uniform(random) - 1;
    if (has_ties) value = std::round(2 * value);
    samples[i].value = has_nan && random() % 4 == 0 ? std::nan("") : offset + scale * value;
    if (is_weighted) samples[i].weight = 1e-3 + 1000 * uniform(random);
    samples[i].rank = static_cast<std::int32_t>(i);
  }
  return samples;
}

// Cuts the samples into `n_parts` and merges the parts in random order.
Accumulator merged_in_parts(const std::vector<Sample>& samples, std::size_t n_parts,
                            std::mt19937& random) {
  std::vector<Accumulator> parts(n_parts);
  for (const auto& s : samples) parts[random() % n_parts].add_real(s.value, s.weight, s.rank);
  while (parts.size() > 1) {
    const auto from = random() % parts.size();
    Accumulator part = parts[from];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(from));
    parts[random() % parts.size()].merge(part);
  }
  return parts.front();
}

Metric finished(const Accumulator& all, Reduction reduction) {
  auto info = std::make_shared<MetricInfo>();
  info->kind = Kind::real;
  info->reduction = reduction;
  info->nan = NanPolicy::skip;
  Metric metric;
  metric.info = std::move(info);
  CHECK(finish(all, metric));
  return metric;
}

void require_near(double actual, long double expected, long double scale) {
  CAPTURE(actual);
  CAPTURE(static_cast<double>(expected));
  REQUIRE(std::abs(actual - expected) <= 1e-12L * std::max(scale, std::abs(expected)));
}

void require_equal(const Accumulator& all, const Expected& e) {
  const auto s = finished(all, Reduction::mean).statistics;
  REQUIRE(s.nan_count == e.nan_count);
  REQUIRE(s.first_nan_rank == e.first_nan_rank);
  REQUIRE(s.min_rank == e.min_rank);
  REQUIRE(s.max_rank == e.max_rank);
  if (e.weight == 0) {
    REQUIRE(std::isnan(s.mean));
    return;
  }
  REQUIRE(s.min == e.min);
  REQUIRE(s.max == e.max);
  require_near(s.weight, e.weight, 0);
  require_near(s.mean, e.mean, e.largest);
  require_near(s.std, e.std, e.largest);
  require_near(finished(all, Reduction::sum).value, e.sum, e.largest);
}

}  // namespace

TEST_CASE("statistics equal a two-pass reference for any partition and order of merging") {
  std::mt19937 random(20261123);
  for (int k = 0; k < 3000; ++k) {
    CAPTURE(k);
    const auto samples = random_samples(random);
    const auto expected = reference(samples);
    for (const std::size_t n_parts :
         {std::size_t{1}, std::size_t{2}, std::size_t{7}, samples.size()}) {
      CAPTURE(n_parts);
      require_equal(merged_in_parts(samples, n_parts, random), expected);
    }
  }
}

TEST_CASE("integer statistics are exact for any partition and order of merging") {
  std::mt19937_64 random(5);
  for (int k = 0; k < 500; ++k) {
    std::vector<std::int64_t> values(1 + random() % 40);
    for (auto& value : values) {
      value = static_cast<std::int64_t>(random());
      if (random() % 8 == 0) value = std::numeric_limits<std::int64_t>::max();
      if (random() % 8 == 0) value = std::numeric_limits<std::int64_t>::min();
    }
    __extension__ __int128 sum = 0;
    for (const auto value : values) sum += value;
    std::vector<Accumulator> parts(1 + random() % 5);
    for (std::size_t r = 0; r < values.size(); ++r) {
      parts[random() % parts.size()].add_integer(values[r], 1, static_cast<std::int32_t>(r));
    }
    std::shuffle(parts.begin(), parts.end(), random);
    Accumulator all;
    for (const auto& part : parts) all.merge(part);

    const auto lowest = std::min_element(values.begin(), values.end());
    const auto highest = std::max_element(values.begin(), values.end());
    REQUIRE(all.integers.sum == sum);
    REQUIRE(all.integers.min == *lowest);
    REQUIRE(all.integers.max == *highest);
    REQUIRE(all.moments.min_rank == lowest - values.begin());
    REQUIRE(all.moments.max_rank == highest - values.begin());
    REQUIRE(all.integers.first == values.front());
    REQUIRE(all.integers.last == values.back());
  }
}
