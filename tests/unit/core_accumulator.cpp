// Statistics of hand-picked values: NaN, infinities, ends of the number ranges, ties.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "core/statistics.hpp"

using ranklog::Accumulator;
using ranklog::Kind;
using ranklog::Metric;
using ranklog::MetricInfo;
using ranklog::NanPolicy;
using ranklog::Reduction;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr auto int_max = std::numeric_limits<std::int64_t>::max();
constexpr auto int_min = std::numeric_limits<std::int64_t>::min();

Metric metric_for(Kind kind, Reduction reduction, NanPolicy policy = NanPolicy::propagate) {
  auto info = std::make_shared<MetricInfo>();
  info->kind = kind;
  info->reduction = reduction;
  info->nan = policy;
  Metric metric;
  metric.info = std::move(info);
  return metric;
}

// One value a rank: rank r has values[r].
Accumulator accumulate(const std::vector<double>& values) {
  Accumulator all;
  for (std::size_t r = 0; r < values.size(); ++r) {
    Accumulator one;
    one.add_real(values[r], 1, static_cast<std::int32_t>(r));
    all.merge(one);
  }
  return all;
}
Accumulator accumulate_integers(const std::vector<std::int64_t>& values) {
  Accumulator all;
  for (std::size_t r = 0; r < values.size(); ++r) {
    Accumulator one;
    one.add_integer(values[r], 1, static_cast<std::int32_t>(r));
    all.merge(one);
  }
  return all;
}

Metric reduced(const std::vector<double>& values, Reduction reduction,
               NanPolicy policy = NanPolicy::propagate) {
  Metric metric = metric_for(Kind::real, reduction, policy);
  CHECK(finish(accumulate(values), metric));
  return metric;
}
Metric reduced_integers(const std::vector<std::int64_t>& values, Reduction reduction,
                        bool fits = true) {
  Metric metric = metric_for(Kind::integer, reduction);
  CHECK(finish(accumulate_integers(values), metric) == fits);
  return metric;
}

}  // namespace

TEST_CASE("a NaN on any rank makes the maximum NaN and leaves the finite statistics beside it") {
  for (std::size_t where = 0; where < 4; ++where) {
    CAPTURE(where);
    std::vector<double> values{1, 2, 4, 4};
    values.insert(values.begin() + static_cast<std::ptrdiff_t>(where), not_a_number);
    values.resize(5);
    const auto metric = reduced(values, Reduction::max);
    CHECK(std::isnan(metric.value));
    CHECK(metric.statistics.max == 4);
    CHECK(metric.statistics.min == 1);
    CHECK(metric.statistics.count == 5);
    CHECK(metric.statistics.nan_count == 1);
    CHECK(metric.statistics.first_nan_rank == static_cast<std::int32_t>(where));
    CHECK(metric.statistics.weight == 4);
    CHECK(reduced(values, Reduction::max, NanPolicy::skip).value == 4);
  }
}

TEST_CASE("four ranks with 1, 2, NaN, 4 have a maximum of NaN, or of 4 under the skip policy") {
  const std::vector<double> values{1, 2, not_a_number, 4};
  const auto metric = reduced(values, Reduction::max);
  CHECK(std::isnan(metric.value));
  CHECK(metric.statistics.max == 4);
  CHECK(metric.statistics.max_rank == 3);
  CHECK(metric.statistics.nan_count == 1);
  CHECK(metric.statistics.first_nan_rank == 2);
  CHECK(reduced(values, Reduction::max, NanPolicy::skip).value == 4);
  CHECK(reduced(values, Reduction::mean, NanPolicy::skip).value == doctest::Approx(7.0 / 3));
  CHECK(reduced(values, Reduction::sum, NanPolicy::skip).value == 7);
  for (const auto reduction : {Reduction::sum, Reduction::mean, Reduction::min, Reduction::std,
                               Reduction::any, Reduction::all, Reduction::gather}) {
    CHECK(std::isnan(reduced(values, reduction).value));
  }
  CHECK(reduced(values, Reduction::first).value == 1);
  CHECK(reduced(values, Reduction::last).value == 4);
}

TEST_CASE("when every value is NaN there is no minimum, no mean and no rank that has them") {
  for (const auto policy : {NanPolicy::propagate, NanPolicy::skip}) {
    const auto metric = reduced({not_a_number, not_a_number}, Reduction::min, policy);
    CHECK(std::isnan(metric.value));
    CHECK(std::isnan(metric.statistics.min));
    CHECK(std::isnan(metric.statistics.max));
    CHECK(std::isnan(metric.statistics.mean));
    CHECK(std::isnan(metric.statistics.std));
    CHECK(metric.statistics.min_rank == -1);
    CHECK(metric.statistics.max_rank == -1);
    CHECK(metric.statistics.nan_count == 2);
    CHECK(metric.statistics.first_nan_rank == 0);
  }
}

TEST_CASE("infinities are values of min, max and sum, and stay out of the mean and std beside") {
  const auto metric = reduced({1, infinity, 3}, Reduction::mean);
  CHECK(metric.value == infinity);
  CHECK(metric.statistics.max == infinity);
  CHECK(metric.statistics.max_rank == 1);
  CHECK(metric.statistics.mean == 2);
  CHECK(metric.statistics.std == 1);
  CHECK(metric.statistics.weight == 3);
  CHECK(metric.statistics.nan_count == 0);
  CHECK(reduced({1, -infinity}, Reduction::min).value == -infinity);
  CHECK(reduced({1, -infinity}, Reduction::sum).value == -infinity);
  CHECK(std::isnan(reduced({infinity, -infinity}, Reduction::mean).value));
  CHECK(std::isnan(reduced({infinity, -infinity}, Reduction::sum).value));
  CHECK(std::isnan(reduced({infinity}, Reduction::std).value));
  CHECK(reduced({infinity}, Reduction::max).statistics.max_rank == 0);
}

TEST_CASE("denormals are not flushed") {
  const double tiny = std::numeric_limits<double>::denorm_min();
  CHECK(reduced({tiny, 3 * tiny}, Reduction::sum).value == 4 * tiny);
  CHECK(reduced({tiny, 3 * tiny}, Reduction::min).value == tiny);
  CHECK(reduced({tiny, 3 * tiny}, Reduction::mean).value == 2 * tiny);
  CHECK(reduced({tiny, 0.0}, Reduction::any).value == 1);
  CHECK(reduced({tiny, 0.0}, Reduction::all).value == 0);
}

TEST_CASE("values near the ends of double cancel without losing the small one") {
  CHECK(reduced({1e308, 1, -1e308}, Reduction::sum).value == 1);
  CHECK(reduced({1, 1e100, 1, -1e100}, Reduction::sum).value == 2);
  CHECK(reduced({1e308, 1e308}, Reduction::mean).value == doctest::Approx(1e308));
  CHECK(std::isfinite(reduced({1.7e308, -1.7e308}, Reduction::mean).value));
  CHECK(reduced({1.7e308, -1.7e308}, Reduction::mean).value == doctest::Approx(0));
  CHECK(reduced({1e308, 1e308}, Reduction::sum).value == infinity);
}

TEST_CASE("a large common offset does not eat the standard deviation") {
  const auto metric = reduced({1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}, Reduction::std);
  CHECK(metric.value == doctest::Approx(std::sqrt(22.5)).epsilon(1e-12));
  CHECK(metric.statistics.mean == 1e9 + 10);
}

TEST_CASE("the ends of int64 are exact under every integer reduction") {
  CHECK(reduced_integers({int_min, int_max}, Reduction::min).integer_value == int_min);
  CHECK(reduced_integers({int_min, int_max}, Reduction::max).integer_value == int_max);
  CHECK(reduced_integers({int_min, int_max}, Reduction::sum).integer_value == -1);
  CHECK(reduced_integers({int_min, int_max}, Reduction::first).integer_value == int_min);
  CHECK(reduced_integers({int_min, int_max}, Reduction::last).integer_value == int_max);
  const std::int64_t odd = (std::int64_t{1} << 53U) + 1;  // no double has this value
  CHECK(reduced_integers({odd}, Reduction::max).integer_value == odd);
  CHECK(reduced_integers({odd, odd}, Reduction::sum).integer_value == 2 * odd);
}

TEST_CASE("an integer sum beyond int64 stops at the limit and says so") {
  CHECK(reduced_integers({int_max, 1}, Reduction::sum, false).integer_value == int_max);
  CHECK(reduced_integers({int_min, -1}, Reduction::sum, false).integer_value == int_min);
  CHECK(reduced_integers({int_max, int_max, int_min, int_min}, Reduction::sum).integer_value == -2);
}

TEST_CASE("the mean of integers is no integer") {
  CHECK(reduced_integers({1, 2}, Reduction::mean).value == 1.5);
  CHECK(reduced_integers({0, 1, 1}, Reduction::std).value == doctest::Approx(std::sqrt(2.0 / 9)));
  CHECK_FALSE(metric_for(Kind::integer, Reduction::mean).info->has_integer_value());
  CHECK(metric_for(Kind::boolean, Reduction::any).info->has_integer_value());
  CHECK_FALSE(metric_for(Kind::real, Reduction::sum).info->has_integer_value());
}

TEST_CASE("ties go to the lowest rank in every order of merging") {
  const std::vector<double> values{5, 1, 9, 1, 9, 5};
  std::vector<std::size_t> order{0, 1, 2, 3, 4, 5};
  do {
    Accumulator all;
    for (const auto r : order) {
      Accumulator one;
      one.add_real(values[r], 1, static_cast<std::int32_t>(r));
      all.merge(one);
    }
    REQUIRE(all.moments.min_rank == 1);
    REQUIRE(all.moments.max_rank == 2);
    REQUIRE(all.moments.first == 5);
    REQUIRE(all.moments.first_rank == 0);
    REQUIRE(all.moments.last_rank == 5);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("integers that double cannot tell apart are told apart for min and max ranks") {
  const auto metric = reduced_integers({int_max, int_max - 1, int_max}, Reduction::min);
  CHECK(metric.integer_value == int_max - 1);
  CHECK(metric.statistics.min_rank == 1);
  CHECK(metric.statistics.max_rank == 0);
}

TEST_CASE("booleans answer any and all") {
  for (const auto& [values, any, all] :
       std::vector<std::tuple<std::vector<std::int64_t>, int, int>>{
           {{0, 0}, 0, 0}, {{0, 1}, 1, 0}, {{1, 1}, 1, 1}}) {
    CHECK(reduced_integers(values, Reduction::any).integer_value == any);
    CHECK(reduced_integers(values, Reduction::all).integer_value == all);
  }
  CHECK(reduced({-0.0}, Reduction::any).value == 0);
}

TEST_CASE("several values of one rank keep their own order for first and last") {
  Accumulator one;
  for (const double value : {3.0, 1.0, 2.0}) one.add_real(value, 1, 4);
  CHECK(one.moments.first == 3);
  CHECK(one.moments.last == 2);
  CHECK(one.moments.count == 3);
  CHECK(one.moments.min_rank == 4);
}

TEST_CASE("merging nothing changes nothing, and nothing becomes what is merged") {
  Accumulator some = accumulate({1, not_a_number, 3});
  const Accumulator before = some;
  some.merge(Accumulator{});
  CHECK(some.moments.count == before.moments.count);
  CHECK(some.moments.min_rank == 0);
  Accumulator none;
  none.merge(before);
  CHECK(none.moments.sum == before.moments.sum);
  CHECK(none.moments.first_nan_rank == 1);
}
