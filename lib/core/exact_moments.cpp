#include "core/exact_moments.hpp"

#include <cmath>
#include <limits>

namespace ranklog {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void add_finite(ExactMoments& exact, const ExactFactor& x, const ExactFactor& w) {
  exact.weight.add_product({w});
  exact.plain.add_product({x});
  exact.weighted.add_product({w, x});
  exact.weighted_square.add_product({w, x, x});
}

// (sum of w) (sum of w x^2) - (sum of w x)^2, over (sum of w)^2: exact, so it cannot cancel.
double std_of(const ExactMoments& exact) {
  ExactSum scatter = exact.weight * exact.weighted_square;
  scatter.subtract(exact.weighted * exact.weighted);
  return root_of_quotient(scatter, exact.weight * exact.weight);
}

Sums sums_of(const ExactMoments& exact, const Moments& m) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Sums sums;
  ExactSum weight = exact.weight;
  weight.add(exact.infinite_weight);
  sums.weight = weight.rounded();
  const bool has_finite = !exact.weight.is_zero();
  sums.mean = has_finite ? rounded_quotient(exact.weighted, exact.weight) : nan;
  sums.std = has_finite ? std_of(exact) : nan;
  const bool has_positive = m.positive_infinite_weight > 0;
  const bool has_negative = m.negative_infinite_weight > 0;
  sums.sum = has_positive && has_negative ? nan
             : has_positive               ? infinity
             : has_negative               ? -infinity
                                          : exact.plain.rounded();
  return sums;
}

}  // namespace

void ExactMoments::add_real(double value, double weight_of_value) {
  if (std::isnan(value)) return;
  if (std::isinf(value)) {
    infinite_weight.add_product({ExactFactor(weight_of_value)});
  } else {
    add_finite(*this, ExactFactor(value), ExactFactor(weight_of_value));
  }
}

void ExactMoments::add_integer(std::int64_t value, double weight_of_value) {
  add_finite(*this, ExactFactor(value), ExactFactor(weight_of_value));
}

void ExactMoments::merge(const ExactMoments& other) {
  for (const auto sum : exact_sums) (this->*sum).add(other.*sum);
}

std::size_t ExactMoments::footprint_bytes() const noexcept {
  std::size_t n_bytes = sizeof(ExactMoments);
  for (const auto sum : exact_sums) n_bytes += (this->*sum).words().size_bytes();
  return n_bytes;
}

bool finish(const Accumulator& accumulator, const ExactMoments& exact, Metric& metric) {
  Accumulator positive_zeros = accumulator;
  Moments& m = positive_zeros.moments;
  // Zeros of both signs compare equal, so which one was kept depends on who came first.
  m.min += 0.0;
  m.max += 0.0;
  return finish(positive_zeros, sums_of(exact, m), metric);
}

}  // namespace ranklog
