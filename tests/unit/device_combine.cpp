#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "device/tensor_combine.hpp"

using ranklog::DeviceElement;
using ranklog::Reduction;
using ranklog::gpu::Bfloat16;
using ranklog::gpu::combine_on_host;
using ranklog::gpu::Half;
using ranklog::gpu::round_to_bits;
using ranklog::gpu::widen;

namespace {

// Every narrow number is met by itself, and between two neighbours the nearer one, on a tie the
// one whose last bit is 0, is found: from either side of the middle, too.
template <class T>
void check_rounding(int exponent_bits, int fraction_bits) {
  const std::uint32_t infinite = ((1U << exponent_bits) - 1U) << fraction_bits;
  for (std::uint32_t bits = 0; bits < infinite; ++bits) {
    const double x = widen(T{static_cast<std::uint16_t>(bits)});
    const auto round = [&](double value) {
      return round_to_bits(value, exponent_bits, fraction_bits);
    };
    REQUIRE(round(x) == bits);
    REQUIRE(round(-x) == (bits | 0x8000U));
    if (bits + 1 == infinite) continue;
    const double next = widen(T{static_cast<std::uint16_t>(bits + 1)});
    const double middle = x + (next - x) / 2;
    REQUIRE(round(std::nextafter(middle, x)) == bits);
    REQUIRE(round(middle) == (bits % 2 == 0 ? bits : bits + 1));
    REQUIRE(round(std::nextafter(middle, next)) == bits + 1);
  }
}

}  // namespace

TEST_CASE("doubles are rounded once to halves, ties to even") {
  check_rounding<Half>(5, 10);
  CHECK(round_to_bits(65519.99, 5, 10) == 0x7BFF);
  CHECK(round_to_bits(65520, 5, 10) == 0x7C00);  // halfway to what would be next
  CHECK(round_to_bits(-1e300, 5, 10) == 0xFC00);
}

TEST_CASE("doubles are rounded once to bfloat16, ties to even") {
  check_rounding<Bfloat16>(8, 7);
  CHECK(round_to_bits(3.4e38, 8, 7) == 0x7F80);
}

TEST_CASE("the ends of double have their place among narrow numbers") {
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(round_to_bits(infinity, 5, 10) == 0x7C00);
  CHECK(round_to_bits(-infinity, 8, 7) == 0xFF80);
  CHECK(round_to_bits(nan, 5, 10) == 0x7E00);
  CHECK(round_to_bits(-nan, 8, 7) == 0x7FC0);
  CHECK(round_to_bits(std::numeric_limits<double>::denorm_min(), 5, 10) == 0);
  CHECK(round_to_bits(-0.0, 5, 10) == 0x8000);
}

TEST_CASE("sums of narrow floats are those of double, rounded once at the end") {
  std::mt19937 random(1);
  constexpr std::size_t n = 500;
  constexpr int n_parts = 7;
  std::vector<Half> parts(n * n_parts);
  for (auto& part : parts) part.bits = static_cast<std::uint16_t>(random() % 0x7800U);
  std::vector<Half> result(n);
  combine_on_host(parts.data(), result.data(),
                  {DeviceElement::f16, Reduction::sum, 1.0, n_parts, n});
  for (std::size_t i = 0; i < n; ++i) {
    double total = 0;
    for (std::size_t part = 0; part < n_parts; ++part) total += widen(parts[part * n + i]);
    CHECK(result[i].bits == round_to_bits(total, 5, 10));
  }
}

TEST_CASE("means of integers are rounded, and scaled sums stop at the ends of int64") {
  const std::vector<std::int64_t> parts{1, INT64_MAX, -4, 2, INT64_MAX, -5};
  std::vector<std::int64_t> result(3);
  combine_on_host(parts.data(), result.data(), {DeviceElement::i64, Reduction::mean, 1.0, 2, 3});
  CHECK(result == std::vector<std::int64_t>{2, std::int64_t{1} << 62, -5});
  combine_on_host(parts.data(), result.data(), {DeviceElement::i64, Reduction::sum, 4.0, 2, 3});
  CHECK(result == std::vector<std::int64_t>{12, INT64_MAX, -36});
}
