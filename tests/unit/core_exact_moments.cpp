// Statistics of Order::reproducible: the same bits for any partition, and the right ones.
#include "core/exact_moments.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "support/draws.hpp"

using ranklog::Accumulator;
using ranklog::ExactMoments;
using ranklog::Kind;
using ranklog::Metric;
using ranklog::MetricInfo;
using ranklog::NanPolicy;
using ranklog::Reduction;
using ranklog::test_support::draw;
using ranklog::test_support::draw_weights;
using ranklog::test_support::same_bits;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr std::array order_free{Reduction::mean, Reduction::sum, Reduction::min, Reduction::max,
                                Reduction::std,  Reduction::any, Reduction::all};

// What one rank keeps of a key.
struct Part {
  Accumulator numbers;
  ExactMoments exact;
  void add(double value, double weight, std::int32_t rank) {
    numbers.add_real(value, weight, rank);
    exact.add_real(value, weight);
  }
  void merge(const Part& other) {
    numbers.merge(other.numbers);
    exact.merge(other.exact);
  }
};

Metric finished(const Part& part, Reduction reduction, NanPolicy policy = NanPolicy::propagate,
                Kind kind = Kind::real) {
  auto info = std::make_shared<MetricInfo>();
  info->kind = kind;
  info->reduction = reduction;
  info->nan = policy;
  Metric metric;
  metric.info = std::move(info);
  CHECK(finish(part.numbers, part.exact, metric));
  return metric;
}

// Value i on rank ranks[i]; merged by rank, as the tree does.
Part merged(const std::vector<double>& values, const std::vector<double>& weights,
            const std::vector<std::size_t>& ranks, std::size_t n_ranks) {
  std::vector<Part> parts(n_ranks);
  for (std::size_t i = 0; i < values.size(); ++i) {
    parts[ranks[i]].add(values[i], weights[i], static_cast<std::int32_t>(ranks[i]));
  }
  for (std::size_t r = 1; r < n_ranks; ++r) parts[0].merge(parts[r]);
  return parts[0];
}

// All numbers of a metric that no distribution may change.
std::vector<double> order_free_numbers(const Part& part) {
  const auto mean = finished(part, Reduction::mean);
  const auto& statistics = mean.statistics;
  std::vector<double> numbers{mean.value, finished(part, Reduction::sum).value};
  numbers.insert(numbers.end(), {statistics.weight, statistics.min, statistics.max, statistics.mean,
                                 statistics.std, static_cast<double>(statistics.count),
                                 static_cast<double>(statistics.nan_count)});
  return numbers;
}

Part on_one_rank(const std::vector<double>& values) {
  const std::vector<double> weights(values.size(), 1.0);
  return merged(values, weights, std::vector<std::size_t>(values.size(), 0), 1);
}

}  // namespace

TEST_CASE("2,000 draws have the same bits on 1, 2, 3, 5, 8 and 16 ranks, weights included") {
  std::mt19937_64 random(20261123);
  for (std::uint64_t k = 0; k < 2000; ++k) {
    CAPTURE(k);
    auto values = draw(k, 16);
    auto weights = draw_weights(k, 16);
    std::vector<double> expected;
    for (const std::size_t n_ranks : {1U, 2U, 3U, 5U, 8U, 16U}) {
      std::vector<std::size_t> ranks(values.size());
      for (auto& rank : ranks) rank = random() % n_ranks;
      const auto numbers = order_free_numbers(merged(values, weights, ranks, n_ranks));
      if (expected.empty()) expected = numbers;
      REQUIRE(
          std::equal(numbers.begin(), numbers.end(), expected.begin(), expected.end(), same_bits));
      // Pairs keep together; who comes first changes.
      const auto from = random() % 16;
      const auto to = random() % 16;
      std::swap(values[from], values[to]);
      std::swap(weights[from], weights[to]);
    }
  }
}

TEST_CASE("the sums that rounding in double would give differ from the exact ones") {
  int n_different = 0;
  for (std::uint64_t k = 0; k < 1000; ++k) {
    const auto values = draw(k, 16);
    double plain = 0;
    for (const double value : values) plain += value;
    if (finished(on_one_rank(values), Reduction::sum).value != plain) ++n_different;
  }
  CHECK(n_different > 200);
}

TEST_CASE("mean and std at the ends of double are those of the numbers") {
  const auto huge = on_one_rank({1.7e308, -1.7e308, 1.7e308, -1.7e308});
  CHECK(finished(huge, Reduction::mean).value == 0);
  CHECK(finished(huge, Reduction::std).value == 1.7e308);
  CHECK(finished(on_one_rank({1e308, 1e308, 1e308}), Reduction::mean).value == 1e308);
  CHECK(finished(on_one_rank({1e308, 1e308, 1e308}), Reduction::std).value == 0);
  CHECK(finished(on_one_rank({1e308, 1e308}), Reduction::sum).value == infinity);
  const auto tiny = on_one_rank({1e-308, 3e-308});
  CHECK(finished(tiny, Reduction::mean).value == 2e-308);
  CHECK(finished(tiny, Reduction::std).value == doctest::Approx(1e-308).epsilon(1e-14));
  CHECK(finished(on_one_rank({1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}), Reduction::std).value ==
        std::sqrt(22.5));
}

TEST_CASE("a weighted mean is the quotient of the exact sums") {
  Part part;
  part.add(0.1, 3, 0);
  part.add(0.7, 1e-300, 1);
  part.add(1e308, 1e-308, 2);
  // 3 * 0.1 and 1e308 * 1e-308 in one sum, over 3: what quadruple precision says.
  __extension__ typedef __float128 Quad;
  const Quad expected = (Quad{3} * Quad{0.1} + Quad{1e308} * Quad{1e-308}) / Quad{3};
  CHECK(finished(part, Reduction::mean).value == static_cast<double>(expected));
  CHECK(finished(part, Reduction::mean).statistics.weight == 3);
  CHECK(finished(part, Reduction::sum).value == 1e308);
}

TEST_CASE("NaN and infinities are what they are without reproducible sums") {
  const auto part = on_one_rank({1, infinity, 3, not_a_number});
  CHECK(std::isnan(finished(part, Reduction::sum).value));
  CHECK(finished(part, Reduction::sum, NanPolicy::skip).value == infinity);
  CHECK(finished(part, Reduction::mean, NanPolicy::skip).value == infinity);
  const auto statistics = finished(part, Reduction::mean).statistics;
  CHECK(statistics.mean == 2);
  CHECK(statistics.std == 1);
  CHECK(statistics.weight == 3);
  CHECK(statistics.max == infinity);
  CHECK(statistics.nan_count == 1);
  const auto both = on_one_rank({infinity, -infinity});
  CHECK(std::isnan(finished(both, Reduction::sum).value));
  CHECK(std::isnan(finished(both, Reduction::std).value));
  CHECK(finished(on_one_rank({-infinity, 1}), Reduction::sum).value == -infinity);
  CHECK(std::isnan(finished(on_one_rank({not_a_number}), Reduction::sum, NanPolicy::skip).value));
}

TEST_CASE("zeros are positive, whichever sign came first") {
  for (const auto& values : {std::vector<double>{0.0, -0.0}, {-0.0, 0.0}, {-0.0}}) {
    for (const auto reduction : order_free) {
      CHECK_FALSE(std::signbit(finished(on_one_rank(values), reduction).value));
    }
    CHECK_FALSE(std::signbit(finished(on_one_rank(values), Reduction::sum).statistics.min));
  }
}

TEST_CASE("integers beyond 2^53 have an exact mean") {
  Part part;
  const std::int64_t big = (std::int64_t{1} << 62U) + 1;
  for (const std::int64_t value : {big, big, -big, -big + 4}) {
    part.numbers.add_integer(value, 1, 0);
    part.exact.add_integer(value, 1);
  }
  CHECK(finished(part, Reduction::mean, NanPolicy::propagate, Kind::integer).value == 1);
  CHECK(finished(part, Reduction::sum, NanPolicy::propagate, Kind::integer).integer_value == 4);
}
