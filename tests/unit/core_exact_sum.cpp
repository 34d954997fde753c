// Exact sums against known values, integers, and quadruple precision where that is exact too.
#include "core/exact_sum.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "support/draws.hpp"

using ranklog::ExactFactor;
using ranklog::ExactSum;
using ranklog::test_support::draw;
using ranklog::test_support::same_bits;
using ranklog::test_support::unit_number;

namespace {

__extension__ typedef __float128 Quad;  // 113 bits: sums of close enough doubles are exact in it
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest = std::numeric_limits<double>::max();
constexpr double smallest = std::numeric_limits<double>::denorm_min();

ExactSum sum_of(const std::vector<double>& values) {
  ExactSum sum;
  for (const double value : values) sum.add_product({ExactFactor(value)});
  return sum;
}
double total(const std::vector<double>& values) { return sum_of(values).rounded(); }

double quotient(const std::vector<double>& a, const std::vector<double>& b) {
  return rounded_quotient(sum_of(a), sum_of(b));
}

ExactSum product(double a, double b, double c) {
  ExactSum sum;
  sum.add_product({ExactFactor(a), ExactFactor(b), ExactFactor(c)});
  return sum;
}

}  // namespace

TEST_CASE("one value is its own sum, from the smallest denormal to the largest double") {
  for (const double value : {1.0, 0.1, 3.0, 1e308, largest, 1e-308, smallest, 7 * smallest,
                             std::numeric_limits<double>::min(), 0x1.fffffffffffffp-1}) {
    CHECK(same_bits(total({value}), value));
    CHECK(same_bits(total({-value}), -value));
  }
  CHECK(same_bits(total({}), 0.0));
  CHECK(same_bits(total({-0.0}), 0.0));
}

TEST_CASE("what cancels leaves nothing, and what is left is exact") {
  CHECK(total({1e308, 1, -1e308}) == 1);
  CHECK(total({1e308, smallest, -1e308}) == smallest);
  CHECK(total({1e308, 1e308, -1e308}) == 1e308);
  CHECK(total({-largest, -largest, largest, largest, -3 * smallest}) == -3 * smallest);
  CHECK(sum_of({1e308, 0.1, -1e308, -0.1}).is_zero());
  CHECK(sum_of({1e308, 0.1, -1e308}) == sum_of({0.1}));
}

TEST_CASE("a sum is infinite only if the exact one is") {
  const double half_ulp = std::ldexp(1.0, 970);  // of the largest double
  CHECK(total({largest, largest}) == infinity);
  CHECK(total({-largest, -largest}) == -infinity);
  CHECK(total({largest, half_ulp}) == infinity);
  CHECK(total({largest, half_ulp, -smallest}) == largest);
  CHECK(total({largest, std::nextafter(half_ulp, 0)}) == largest);
}

TEST_CASE("sums round to the nearest double, ties to even") {
  const double half = 0x1p-53;  // half of the last bit of 1
  CHECK(total({1, half}) == 1);
  CHECK(total({1, half, smallest}) == 1 + 2 * half);
  CHECK(total({1, half, -smallest}) == 1);
  CHECK(total({1 + 2 * half, half}) == 1 + 4 * half);
  CHECK(total({-1, -half, -smallest}) == -1 - 2 * half);
  CHECK(total({2, -half / 2}) == 2);
  CHECK(total({0x1.fffffffffffffp0, half}) == 2);  // the carry goes through all bits
}

TEST_CASE("products keep all their bits, beyond the range of double in both directions") {
  CHECK(product(largest, largest, largest).rounded() == infinity);
  CHECK(product(smallest, smallest, smallest).rounded() == 0);
  CHECK_FALSE(product(smallest, smallest, smallest).is_zero());
  ExactSum sum = product(1e308, 1e308, 1);
  sum.add(product(0.1, 0.1, 1));
  sum.add(product(-1e308, 1e308, 1));
  CHECK(sum == product(0.1, 0.1, 1));
  CHECK(product(0.1, 3, 7).rounded() == static_cast<double>(Quad{0.1} * 21));
  CHECK(rounded_quotient(product(1e308, 1e308, 1), product(1e308, 1, 1)) == 1e308);
  CHECK(rounded_quotient(product(1e-308, 1e-308, 1), product(1e-308, 1, 1)) == 1e-308);
}

TEST_CASE("integers that no double has are added as they are") {
  const std::int64_t odd = (std::int64_t{1} << 62U) + 1;
  const auto lowest = std::numeric_limits<std::int64_t>::min();
  ExactSum sum;
  sum.add_product({ExactFactor(odd)});
  sum.add_product({ExactFactor(lowest)});
  sum.add_product({ExactFactor(odd)});
  CHECK(sum.rounded() == 2);
  sum.add_product({ExactFactor(lowest), ExactFactor(lowest), ExactFactor(0.5)});
  CHECK(sum.rounded() == 0x1p125);
}

TEST_CASE("quotients round once, also to denormals and beyond them") {
  CHECK(same_bits(quotient({1}, {3}), 1.0 / 3));
  CHECK(same_bits(quotient({-1}, {10}), -0.1));
  CHECK(quotient({largest, largest}, {2}) == largest);
  CHECK(quotient({smallest, smallest, smallest}, {2}) == 2 * smallest);  // 1.5, a tie to even
  CHECK(quotient({smallest}, {2}) == 0);
  CHECK(quotient({smallest}, {2 - 0x1p-52}) == smallest);
  CHECK(quotient({smallest}, {3}) == 0);
  CHECK(quotient({1}, {largest, largest}) == 1 / largest / 2);
  CHECK(quotient({1}, {smallest}) == infinity);
  CHECK(same_bits(quotient({}, {smallest}), 0.0));
  CHECK(same_bits(quotient({-smallest}, {3}), 0.0));
}

TEST_CASE("random quotients equal those of the hardware, which round once as well") {
  std::mt19937_64 random(1);
  for (int k = 0; k < 20000; ++k) {
    const double a = std::ldexp(1 + unit_number(random), static_cast<int>(random() % 2000) - 1000);
    const double b = std::ldexp(1 + unit_number(random), static_cast<int>(random() % 2000) - 1000);
    CAPTURE(a);
    CAPTURE(b);
    REQUIRE(same_bits(quotient({a}, {b}), a / b));
    REQUIRE(same_bits(total({a, b}), a + b));
    REQUIRE(same_bits(total({a, -b}), a - b));
    REQUIRE(same_bits(product(a, b, 1).rounded(), a * b));
  }
}

TEST_CASE("random sums of products equal quadruple precision where that is exact") {
  std::mt19937_64 random(2);
  for (int k = 0; k < 20000; ++k) {
    // 24 bits and few powers of two: 113 bits hold every sum of products.
    Quad expected = 0;
    ExactSum sum;
    const auto n = 1 + random() % 20;
    for (std::size_t i = 0; i < n; ++i) {
      const double a = static_cast<double>(static_cast<std::int64_t>(random() >> 40U) - (1 << 23));
      const double b =
          std::ldexp(static_cast<double>(random() >> 40U), static_cast<int>(random() % 40));
      expected += Quad{a} * Quad{b};
      sum.add_product({ExactFactor(a), ExactFactor(b)});
    }
    REQUIRE(sum.rounded() == static_cast<double>(expected));
  }
}

TEST_CASE("the order of adding and any grouping change no word") {
  std::mt19937_64 random(3);
  for (std::uint64_t k = 0; k < 2000; ++k) {
    CAPTURE(k);
    auto values = draw(k, 1 + random() % 24);
    const ExactSum expected = sum_of(values);
    std::shuffle(values.begin(), values.end(), random);
    REQUIRE(sum_of(values) == expected);
    std::vector<ExactSum> parts(1 + random() % 5);
    for (const double value : values) {
      parts[random() % parts.size()].add_product({ExactFactor(value)});
    }
    ExactSum merged;
    for (const auto& part : parts) merged.add(part);
    REQUIRE(merged == expected);
    for (const auto& part : parts) merged.subtract(part);
    REQUIRE(merged.is_zero());
  }
}

TEST_CASE("products of sums equal sums of products") {
  std::mt19937_64 random(4);
  for (std::uint64_t k = 0; k < 500; ++k) {
    const auto a = draw(k, 5);
    const auto b = draw(k + 1, 4);
    ExactSum expected;
    for (const double x : a) {
      for (const double y : b) expected.add_product({ExactFactor(x), ExactFactor(y)});
    }
    REQUIRE(sum_of(a) * sum_of(b) == expected);
  }
}

TEST_CASE("the square root of a quotient is right to the last place but one") {
  std::mt19937_64 random(5);
  for (int k = 0; k < 5000; ++k) {
    const double a = std::ldexp(1 + unit_number(random), static_cast<int>(random() % 600) - 300);
    const double b = std::ldexp(1 + unit_number(random), static_cast<int>(random() % 600) - 300);
    const double root = root_of_quotient(sum_of({a}), sum_of({b}));
    REQUIRE(root == doctest::Approx(std::sqrt(a / b)).epsilon(1e-15));
  }
  CHECK(root_of_quotient(sum_of({9}), sum_of({4})) == 1.5);
  CHECK(root_of_quotient(product(1e308, 1e308, 1), sum_of({1})) == 1e308);
  CHECK(root_of_quotient(product(smallest, smallest, 1), sum_of({1})) == smallest);
}

TEST_CASE("words survive the way, and those of no possible sum are refused") {
  for (std::uint64_t k = 0; k < 200; ++k) {
    const ExactSum sum = sum_of(draw(k, 7));
    const auto words = sum.words();
    const auto back = ExactSum::from_words(sum.first_word(), {words.begin(), words.end()});
    REQUIRE(back.has_value());
    REQUIRE(*back == sum);
  }
  CHECK(ExactSum::from_words(0, {0, 0, 5, 0, 0}) == ExactSum::from_words(2, {5}));
  CHECK(ExactSum::from_words(9, {}) == ExactSum());
  for (const std::int32_t first : {-52, 51, std::numeric_limits<std::int32_t>::min(),
                                   std::numeric_limits<std::int32_t>::max()}) {
    CHECK_FALSE(ExactSum::from_words(first, {1}).has_value());
  }
  CHECK_FALSE(ExactSum::from_words(-51, std::vector<ExactSum::Word>(103, 1)).has_value());
}
