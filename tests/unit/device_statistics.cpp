#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "unit/fake_device.hpp"

using ranklog::DeviceElement;
using ranklog::DeviceSpan;
using ranklog::gpu::Bfloat16;
using ranklog::gpu::Half;
using ranklog::gpu::TensorStatistics;
using ranklog::testing::statistics_on_host;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// In long double, one element after the other.
struct Reference {
  std::int64_t n_finite = 0, n_nan = 0, n_positive_infinite = 0, n_negative_infinite = 0;
  std::int64_t min_index = -1, max_index = -1, first_nan_index = -1;
  long double sum = 0, absolute_sum = 0, mean = 0, m2 = 0;
};

Reference reference_of(const std::vector<double>& x) {
  Reference r;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    if (std::isnan(x[i])) {
      if (r.n_nan++ == 0) r.first_nan_index = index;
      continue;
    }
    if (r.min_index < 0 || x[i] < x[static_cast<std::size_t>(r.min_index)]) r.min_index = index;
    if (r.max_index < 0 || x[i] > x[static_cast<std::size_t>(r.max_index)]) r.max_index = index;
    if (std::isinf(x[i])) {
      ++(x[i] > 0 ? r.n_positive_infinite : r.n_negative_infinite);
      continue;
    }
    ++r.n_finite;
    r.sum += static_cast<long double>(x[i]);
    r.absolute_sum += std::abs(static_cast<long double>(x[i]));
  }
  if (r.n_finite > 0) r.mean = r.sum / static_cast<long double>(r.n_finite);
  for (const double value : x) {
    if (std::isfinite(value))
      r.m2 +=
          (static_cast<long double>(value) - r.mean) * (static_cast<long double>(value) - r.mean);
  }
  return r;
}

// The bound that docs/guide.md states: relative to the
// sum of magnitudes; for the second moment plus what the rounding of the mean adds.
void check_against(const TensorStatistics& s, const std::vector<double>& x) {
  const Reference r = reference_of(x);
  CHECK(s.n_finite == r.n_finite);
  CHECK(s.n_nan == r.n_nan);
  CHECK(s.n_positive_infinite == r.n_positive_infinite);
  CHECK(s.n_negative_infinite == r.n_negative_infinite);
  CHECK(s.min_index == r.min_index);
  CHECK(s.max_index == r.max_index);
  CHECK(s.first_nan_index == r.first_nan_index);
  if (r.min_index >= 0) {
    CHECK(s.min == x[static_cast<std::size_t>(r.min_index)]);
    CHECK(s.max == x[static_cast<std::size_t>(r.max_index)]);
  }
  if (r.n_finite == 0) return;
  constexpr long double bound = 1e-13L;
  CHECK(std::abs(static_cast<long double>(s.sum) - r.sum) <= bound * r.absolute_sum);
  const long double mean_magnitude = r.absolute_sum / static_cast<long double>(r.n_finite);
  CHECK(std::abs(static_cast<long double>(s.mean) - r.mean) <= bound * mean_magnitude);
  CHECK(std::abs(static_cast<long double>(s.m2) - r.m2) <=
        1e-12L * r.m2 + bound * bound * r.absolute_sum * r.absolute_sum);
}

template <class T>
TensorStatistics statistics_of(const std::vector<T>& elements, DeviceElement element) {
  return statistics_on_host({elements.data(), elements.size(), element, nullptr});
}

Bfloat16 bfloat16_of(float x) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  return {static_cast<std::uint16_t>(bits >> 16U)};
}

}  // namespace

TEST_CASE("random tensors of every length agree with a long double reference") {
  std::mt19937_64 random(7);
  for (const std::size_t n : {1U, 2U, 7U, 8U, 9U, 255U, 2048U, 2049U, 20000U, 300001U}) {
    CAPTURE(n);
    std::normal_distribution<double> normal(3.0, 1e-3);
    std::vector<double> x(n);
    for (auto& value : x) value = normal(random);
    check_against(statistics_of(x, DeviceElement::f64), x);
  }
}

TEST_CASE("NaN and infinities at any place are counted and leave the rest as it is") {
  std::mt19937_64 random(11);
  for (int trial = 0; trial < 200; ++trial) {
    CAPTURE(trial);
    std::vector<double> x(1 + random() % 5000);
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (auto& value : x) value = uniform(random);
    for (int i = 0; i < 5; ++i) {
      const double special[] = {not_a_number, infinity, -infinity, 0.0, -0.0};
      x[random() % x.size()] = special[random() % 5];
    }
    check_against(statistics_of(x, DeviceElement::f64), x);
  }
}

TEST_CASE("a tensor of nothing but NaN has no extremes and no finite elements") {
  const std::vector<double> x(100, not_a_number);
  const auto s = statistics_of(x, DeviceElement::f64);
  CHECK(s.n_finite == 0);
  CHECK(s.n_nan == 100);
  CHECK(s.first_nan_index == 0);
  CHECK(s.min_index == -1);
}

TEST_CASE("magnitudes whose sum overflows still have a finite mean") {
  const std::vector<double> x(1000, 1.7e308);
  const auto s = statistics_of(x, DeviceElement::f64);
  CHECK(s.n_finite == 1000);
  CHECK(s.mean == doctest::Approx(1.7e308));
  CHECK(s.sum == infinity);
}

TEST_CASE("floats and narrow floats are widened before anything is added") {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(-4, 4);
  std::vector<float> floats(5000);
  std::vector<Bfloat16> narrow(5000);
  std::vector<double> wide(5000);
  std::vector<double> wide_narrow(5000);
  for (std::size_t i = 0; i < floats.size(); ++i) {
    floats[i] = uniform(random);
    wide[i] = static_cast<double>(floats[i]);
    narrow[i] = bfloat16_of(floats[i]);
    wide_narrow[i] = ranklog::gpu::widen(narrow[i]);
    CHECK(std::abs(wide_narrow[i] - wide[i]) <= std::abs(wide[i]) / 128);
  }
  check_against(statistics_of(floats, DeviceElement::f32), wide);
  check_against(statistics_of(narrow, DeviceElement::bf16), wide_narrow);
}

TEST_CASE("every bit pattern of a half is what IEEE 754 says it is") {
  for (std::uint32_t bits = 0; bits <= 0xFFFFU; ++bits) {
    const double value = ranklog::gpu::widen(Half{static_cast<std::uint16_t>(bits)});
    const int exponent = static_cast<int>((bits >> 10U) & 0x1FU);
    const double fraction = bits & 0x3FFU;
    const double sign = (bits & 0x8000U) != 0 ? -1 : 1;
    if (exponent == 31) {
      CHECK((fraction == 0 ? value == sign * infinity : std::isnan(value)));
    } else if (exponent == 0) {
      CHECK(value == sign * std::ldexp(fraction, -24));
    } else {
      CHECK(value == sign * std::ldexp(1024 + fraction, exponent - 25));
    }
  }
}

TEST_CASE("integers sum exactly beyond 64 bits") {
  const std::vector<std::int64_t> x(3000, std::numeric_limits<std::int64_t>::max());
  const auto s = statistics_of(x, DeviceElement::i64);
  __extension__ typedef __int128 Wide;
  const Wide sum = static_cast<Wide>(s.integer_sum_high) * (Wide{1} << 64) + s.integer_sum_low;
  CHECK((sum == Wide{3000} * std::numeric_limits<std::int64_t>::max()));
  const std::vector<std::int64_t> y{std::numeric_limits<std::int64_t>::min(), -1, 5};
  const auto t = statistics_of(y, DeviceElement::i64);
  const Wide sum_y = static_cast<Wide>(t.integer_sum_high) * (Wide{1} << 64) + t.integer_sum_low;
  CHECK((sum_y == Wide{std::numeric_limits<std::int64_t>::min()} + 4));
  CHECK(t.integer_min == std::numeric_limits<std::int64_t>::min());
  CHECK(t.integer_max == 5);
}

TEST_CASE("bytes and 32-bit integers have exact sums and extremes") {
  std::vector<std::uint8_t> bytes(100000, 255);
  bytes[77] = 0;
  const auto s = statistics_of(bytes, DeviceElement::u8);
  CHECK(s.integer_sum_low == 255U * 99999U);
  CHECK(s.integer_sum_high == 0);
  CHECK(s.min_index == 77);
  CHECK(s.n_nonzero == 99999);
  const std::vector<std::int32_t> words{-5, 7, -2'000'000'000};
  const auto t = statistics_of(words, DeviceElement::i32);
  CHECK(static_cast<std::int64_t>(t.integer_sum_low) == -1'999'999'998);
  CHECK(t.integer_sum_high == -1);
}

TEST_CASE("the cut into blocks depends on the length alone and covers all of it") {
  CHECK(ranklog::gpu::blocks_for(0) == 1);
  CHECK(ranklog::gpu::blocks_for(1) == 1);
  CHECK(ranklog::gpu::blocks_for(2048) == 1);
  CHECK(ranklog::gpu::blocks_for(2049) == 2);
  CHECK(ranklog::gpu::blocks_for(std::int64_t{1} << 40) == ranklog::gpu::max_blocks);
}
