// What Order::reproducible keeps of one key beside its Accumulator: the sums from which mean, std,
// sum and weight are made, without rounding. See docs/design/0007-reproducible-sums.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/exact_sum.hpp"
#include "core/statistics.hpp"

namespace ranklog {

// Over the finite values x with weights w. Merging is integer addition: associative, commutative,
// and without loss.
struct ExactMoments {
  ExactSum weight;           // w
  ExactSum infinite_weight;  // w of the infinities
  ExactSum plain;            // x
  ExactSum weighted;         // w x
  ExactSum weighted_square;  // w x x

  // As Accumulator's; NaN leaves no trace here.
  void add_real(double value, double weight_of_value);
  void add_integer(std::int64_t value, double weight_of_value);
  void merge(const ExactMoments& other);

  [[nodiscard]] std::size_t footprint_bytes() const noexcept;
  friend bool operator==(const ExactMoments&, const ExactMoments&) = default;
};

// All members, for what is done to each.
inline constexpr std::array exact_sums{&ExactMoments::weight, &ExactMoments::infinite_weight,
                                       &ExactMoments::plain, &ExactMoments::weighted,
                                       &ExactMoments::weighted_square};

// As finish(accumulator, metric), with the values that come from sums rounded once from the exact
// ones, and zeros positive. `exact` and `accumulator` were given the same values.
bool finish(const Accumulator& accumulator, const ExactMoments& exact, Metric& metric);

}  // namespace ranklog
