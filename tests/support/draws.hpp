// Random values and weights at the ends of double, the same on every machine: for tests that the
// same values give the same bits however they are spread over ranks.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace ranklog::test_support {

// Which values a draw holds, so that each difficulty is met by itself and mixed with the others.
enum class DrawKind { moderate, wide, huge, tiny, cancelling };
inline constexpr std::size_t n_draw_kinds = 5;

// Of the random bits alone; std's distributions differ between libraries.
inline double unit_number(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11U) * 0x1.0p-53;
}

inline double draw_value(DrawKind kind, std::mt19937_64& random) {
  const double sign = (random() & 1U) != 0 ? 1 : -1;
  const double unit = unit_number(random);
  const auto power = static_cast<int>(random() % 2000);
  switch (kind) {
    case DrawKind::moderate:
      return sign * unit;
    case DrawKind::wide:  // denormals to the largest, and both zeros
      return power == 0 ? sign * 0.0 : sign * std::ldexp(1 + unit, power - 1060);
    case DrawKind::huge:
      return sign * 1e308 * (power % 2 == 0 ? 1 : unit);
    case DrawKind::tiny:
      return sign * 1e-308 * (power % 2 == 0 ? 1 : unit);
    default:
      return sign * std::ldexp(1 + unit, power % 120);
  }
}

// The values of draw `index`: `n_values` of them, in any order that the caller likes.
inline std::vector<double> draw(std::uint64_t index, std::size_t n_values) {
  std::mt19937_64 random(index * 7919 + 1);
  const auto kind = static_cast<DrawKind>(index % n_draw_kinds);
  std::vector<double> values;
  while (values.size() < n_values) {
    const double value = draw_value(kind, random);
    values.push_back(value);
    // Its opposite, so that what is left of the sum is what rounding would have lost.
    if (kind == DrawKind::cancelling && values.size() + 1 < n_values) values.push_back(-value);
    if (kind == DrawKind::huge && random() % 4 == 0 && values.size() < n_values) {
      values.push_back(unit_number(random));
    }
  }
  return values;
}

inline std::vector<double> draw_weights(std::uint64_t index, std::size_t n_weights) {
  std::mt19937_64 random(index * 104729 + 3);
  std::vector<double> weights(n_weights);
  for (auto& weight : weights) {
    const auto power = static_cast<int>(random() % 80) - 40;
    weight = index % 3 == 0 ? 1 : std::ldexp(1 + unit_number(random), power);
  }
  return weights;
}

inline bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

}  // namespace ranklog::test_support
