#include "core/statistics.hpp"

#include <cmath>
#include <utility>

namespace ranklog {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void add_to_sum(double& sum, double& compensation, double value) {
  const double total = sum + value;
  if (std::isfinite(total)) {
    compensation +=
        std::abs(sum) >= std::abs(value) ? (sum - total) + value : (value - total) + sum;
  }
  sum = total;
}

// Merges the mean and second moment of two groups of finite values.
void merge_moments(Moments& a, double weight_b, double mean_b, double m2_b) {
  if (weight_b == 0) return;
  const double weight = a.finite_weight + weight_b;
  const double share_b = weight_b / weight;
  const double delta = mean_b - a.mean;
  if (a.finite_weight == 0) {
    a.mean = mean_b;
    a.m2 = m2_b;
  } else if (std::isfinite(delta)) {
    a.mean += delta * share_b;
    a.m2 += m2_b + delta * delta * a.finite_weight * share_b;
  } else {  // values near the ends of double: the difference overflows, the mean need not
    a.mean = a.mean * (a.finite_weight / weight) + mean_b * share_b;
    a.m2 = std::numeric_limits<double>::infinity();
  }
  a.finite_weight = weight;
}

template <class T>
void take_min(T& min, std::int32_t& rank, T other, std::int32_t other_rank) {
  if (other_rank < 0) return;
  if (rank < 0 || other < min || (other == min && other_rank < rank)) {
    min = other;
    rank = other_rank;
  }
}

template <class T>
void take_max(T& max, std::int32_t& rank, T other, std::int32_t other_rank) {
  if (other_rank < 0) return;
  if (rank < 0 || other > max || (other == max && other_rank < rank)) {
    max = other;
    rank = other_rank;
  }
}

// The mean as a single number, in which infinities count.
double mean_of(const Moments& m, double finite_mean) {
  const bool has_positive = m.positive_infinite_weight > 0;
  const bool has_negative = m.negative_infinite_weight > 0;
  if (has_positive && has_negative) return nan;
  if (has_positive) return std::numeric_limits<double>::infinity();
  if (has_negative) return -std::numeric_limits<double>::infinity();
  return finite_mean;
}

double reduced_real(const Moments& m, const Sums& sums, Reduction reduction, NanPolicy policy) {
  const std::int64_t n_numbers = m.count - m.nan_count;
  if (reduction == Reduction::first) return m.first;
  if (reduction == Reduction::last) return m.last;
  if (n_numbers == 0 || (m.nan_count > 0 && policy == NanPolicy::propagate)) return nan;
  switch (reduction) {
    case Reduction::sum:
      return sums.sum;
    case Reduction::min:
      return m.min;
    case Reduction::max:
      return m.max;
    case Reduction::std:
      return sums.std;
    case Reduction::any:
      return m.nonzero_count > 0 ? 1 : 0;
    case Reduction::all:
      return m.nonzero_count == n_numbers ? 1 : 0;
    default:
      return mean_of(m, sums.mean);
  }
}

// The 128-bit sum as int64, at the nearest limit if it does not fit.
std::pair<std::int64_t, bool> narrow(IntegerMoments::Wide sum) {
  constexpr auto limits = std::numeric_limits<std::int64_t>();
  if (sum > limits.max()) return {limits.max(), false};
  if (sum < limits.min()) return {limits.min(), false};
  return {static_cast<std::int64_t>(sum), true};
}

std::pair<std::int64_t, bool> reduced_integer(const Accumulator& a, Reduction reduction) {
  switch (reduction) {
    case Reduction::sum:
      return narrow(a.integers.sum);
    case Reduction::min:
      return {a.integers.min, true};
    case Reduction::max:
      return {a.integers.max, true};
    case Reduction::first:
      return {a.integers.first, true};
    case Reduction::last:
      return {a.integers.last, true};
    case Reduction::any:
      return {a.moments.nonzero_count > 0 ? 1 : 0, true};
    default:
      return {a.moments.nonzero_count == a.moments.count ? 1 : 0, true};
  }
}

}  // namespace

void Accumulator::add_real(double value, double weight, std::int32_t rank) {
  Accumulator one;
  Moments& m = one.moments;
  m.count = 1;
  m.first = m.last = value;
  m.first_rank = m.last_rank = rank;
  if (std::isnan(value)) {
    m.nan_count = 1;
    m.first_nan_rank = rank;
  } else {
    m.nonzero_count = value != 0 ? 1 : 0;
    m.sum = value;
    m.min = m.max = value;
    m.min_rank = m.max_rank = rank;
    if (std::isfinite(value)) {
      m.finite_weight = weight;
      m.mean = value;
    } else {
      (value > 0 ? m.positive_infinite_weight : m.negative_infinite_weight) = weight;
    }
  }
  merge(one);
}

void Accumulator::add_integer(std::int64_t value, double weight, std::int32_t rank) {
  Accumulator one;
  one.add_real(static_cast<double>(value), weight, rank);
  one.integers = {value, value, value, value, value};
  merge(one);
}

void Accumulator::merge(const Accumulator& other) {
  if (other.moments.count == 0) return;
  if (moments.count == 0) {
    *this = other;
    return;
  }
  Moments& a = moments;
  const Moments& b = other.moments;
  // Exact minima decide ties of integers that double cannot tell apart.
  const bool a_lower = integers.min < other.integers.min;
  const bool b_lower = other.integers.min < integers.min;
  if (a.min == b.min && (a_lower || b_lower)) {
    if (b_lower) a.min_rank = b.min_rank;
  } else {
    take_min(a.min, a.min_rank, b.min, b.min_rank);
  }
  const bool a_higher = integers.max > other.integers.max;
  const bool b_higher = other.integers.max > integers.max;
  if (a.max == b.max && (a_higher || b_higher)) {
    if (b_higher) a.max_rank = b.max_rank;
  } else {
    take_max(a.max, a.max_rank, b.max, b.max_rank);
  }
  if (b.first_rank < a.first_rank) {
    a.first = b.first;
    a.first_rank = b.first_rank;
    integers.first = other.integers.first;
  }
  if (b.last_rank >= a.last_rank) {
    a.last = b.last;
    a.last_rank = b.last_rank;
    integers.last = other.integers.last;
  }
  if (b.first_nan_rank >= 0 && (a.first_nan_rank < 0 || b.first_nan_rank < a.first_nan_rank)) {
    a.first_nan_rank = b.first_nan_rank;
  }
  merge_moments(a, b.finite_weight, b.mean, b.m2);
  a.positive_infinite_weight += b.positive_infinite_weight;
  a.negative_infinite_weight += b.negative_infinite_weight;
  add_to_sum(a.sum, a.sum_compensation, b.sum);
  a.sum_compensation += b.sum_compensation;
  a.count += b.count;
  a.nan_count += b.nan_count;
  a.nonzero_count += b.nonzero_count;
  integers.sum += other.integers.sum;
  integers.min = std::min(integers.min, other.integers.min);
  integers.max = std::max(integers.max, other.integers.max);
}

Sums sums_of(const Moments& m) {
  Sums sums;
  sums.weight = m.finite_weight + m.positive_infinite_weight + m.negative_infinite_weight;
  const bool has_finite = m.finite_weight > 0;
  sums.mean = has_finite ? m.mean : nan;
  sums.std = has_finite ? std::sqrt(std::max(0.0, m.m2 / m.finite_weight)) : nan;
  sums.sum = std::isfinite(m.sum) ? m.sum + m.sum_compensation : m.sum;
  return sums;
}

bool finish(const Accumulator& accumulator, Metric& metric) {
  return finish(accumulator, sums_of(accumulator.moments), metric);
}

bool finish(const Accumulator& accumulator, const Sums& sums, Metric& metric) {
  const Moments& m = accumulator.moments;
  Statistics& s = metric.statistics;
  s.count = m.count;
  s.nan_count = m.nan_count;
  s.weight = sums.weight;
  const bool has_numbers = m.count > m.nan_count;
  s.min = has_numbers ? m.min : nan;
  s.max = has_numbers ? m.max : nan;
  s.mean = sums.mean;
  s.std = sums.std;
  s.min_rank = m.min_rank;
  s.max_rank = m.max_rank;
  s.first_nan_rank = m.first_nan_rank;
  if (!metric.info->has_integer_value()) {
    metric.value = reduced_real(m, sums, metric.info->reduction, metric.info->nan);
    return true;
  }
  const auto [value, fits] = reduced_integer(accumulator, metric.info->reduction);
  metric.integer_value = value;
  metric.value = static_cast<double>(value);
  return fits;
}

}  // namespace ranklog
