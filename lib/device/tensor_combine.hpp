// Element by element over the ranks' parts of a tensor: the same code on the device and on the
// host, so that the result has the same bits on every path. In rank order; reals in double,
// integers in int64, rounded to the element's type once, at the end.
#pragma once

#include <cmath>
#include <cstdint>

#include "device/tensor_statistics.hpp"
#include "ranklog/device.hpp"
#include "ranklog/reduction.hpp"

namespace ranklog::gpu {

// Part r begins at element r * n_each.
struct Combination {
  DeviceElement element = DeviceElement::f32;
  Reduction reduction = Reduction::sum;
  double scale = 1.0;
  std::int32_t n_parts = 1;
  std::int64_t n_each = 0;
};

// On the host. Errors: none; the reduction is sum, mean, min, max, any or all.
void combine_on_host(const void* parts, void* result, const Combination& how);

RANKLOG_DEVICE_CODE double to_wide(double x) { return x; }
RANKLOG_DEVICE_CODE double to_wide(float x) { return widen(x); }
RANKLOG_DEVICE_CODE double to_wide(Half x) { return widen(x); }
RANKLOG_DEVICE_CODE double to_wide(Bfloat16 x) { return widen(x); }
RANKLOG_DEVICE_CODE std::int64_t to_wide(std::int64_t x) { return x; }
RANKLOG_DEVICE_CODE std::int64_t to_wide(std::int32_t x) { return x; }
RANKLOG_DEVICE_CODE std::int64_t to_wide(std::uint8_t x) { return x; }

RANKLOG_DEVICE_CODE double add_two(double a, double b) { return a + b; }
// Stops at the ends of int64.
RANKLOG_DEVICE_CODE std::int64_t add_two(std::int64_t a, std::int64_t b) {
  const auto total =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  if (((a ^ total) & (b ^ total)) >= 0) return total;
  return a > 0 ? INT64_MAX : INT64_MIN;
}

template <class Wide>
RANKLOG_DEVICE_CODE Wide combine_two(Wide a, Wide b, Reduction reduction) {
  if (a != a || b != b) return a + b;  // NaN
  switch (reduction) {
    case Reduction::min:
      return b < a ? b : a;
    case Reduction::max:
      return a < b ? b : a;
    case Reduction::any:
      return a != 0 || b != 0 ? Wide{1} : Wide{0};
    case Reduction::all:
      return a != 0 && b != 0 ? Wide{1} : Wide{0};
    default:
      return add_two(a, b);
  }
}

// The bits of the nearest number with so many bits of exponent and fraction, ties to even, as IEEE
// 754-2019, 4.3.1, asks for: one rounding from double, where by way of float there would be two.
RANKLOG_DEVICE_CODE std::uint16_t round_to_bits(double x, int exponent_bits, int fraction_bits) {
  std::uint64_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  const auto sign = static_cast<std::uint64_t>((bits >> 63U) << 15U);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const auto infinite = ((std::uint64_t{1} << exponent_bits) - 1) << fraction_bits;
  const int exponent = static_cast<int>((bits >> 52U) & 0x7FFU) - 1023;
  const std::uint64_t fraction = bits & 0xFFFFFFFFFFFFFU;
  if (exponent == 1024 && fraction != 0) {  // NaN: the quiet one
    return static_cast<std::uint16_t>(infinite | (std::uint64_t{1} << (fraction_bits - 1)));
  }
  if (exponent > bias) return static_cast<std::uint16_t>(sign | infinite);
  const bool is_subnormal = exponent < 1 - bias;
  const int shift = 52 - fraction_bits + (is_subnormal ? 1 - bias - exponent : 0);
  if (shift >= 54) return static_cast<std::uint16_t>(sign);  // below half of the least number
  const std::uint64_t significand = (std::uint64_t{1} << 52U) | fraction;
  std::uint64_t kept = significand >> shift;
  const std::uint64_t rest = significand & ((std::uint64_t{1} << shift) - 1);
  const std::uint64_t half = std::uint64_t{1} << (shift - 1);
  kept += rest > half || (rest == half && (kept & 1U) != 0) ? 1 : 0;
  // A carry out of the fraction runs into the exponent, as it should, up to infinity.
  const auto biased = is_subnormal
                          ? std::uint64_t{0}
                          : static_cast<std::uint64_t>(exponent + bias - 1) << fraction_bits;
  return static_cast<std::uint16_t>(sign | (biased + kept));
}

RANKLOG_DEVICE_CODE void store_as(double& to, double x) {
  to = x == x ? x : static_cast<double>(float_of_bits(0x7FC00000U));
}
RANKLOG_DEVICE_CODE void store_as(float& to, double x) {
  to = x == x ? static_cast<float>(x) : float_of_bits(0x7FC00000U);
}
RANKLOG_DEVICE_CODE void store_as(Half& to, double x) { to.bits = round_to_bits(x, 5, 10); }
RANKLOG_DEVICE_CODE void store_as(Bfloat16& to, double x) { to.bits = round_to_bits(x, 8, 7); }

RANKLOG_DEVICE_CODE std::int64_t clamped(std::int64_t x, std::int64_t low, std::int64_t high) {
  return x < low ? low : x > high ? high : x;
}
RANKLOG_DEVICE_CODE void store_as(std::int64_t& to, std::int64_t x) { to = x; }
RANKLOG_DEVICE_CODE void store_as(std::int32_t& to, std::int64_t x) {
  to = static_cast<std::int32_t>(clamped(x, INT32_MIN, INT32_MAX));
}
RANKLOG_DEVICE_CODE void store_as(std::uint8_t& to, std::int64_t x) {
  to = static_cast<std::uint8_t>(clamped(x, 0, UINT8_MAX));
}

RANKLOG_DEVICE_CODE double finish_wide(double total, const Combination& how) {
  if (how.reduction == Reduction::mean) total /= how.n_parts;
  return total * how.scale;
}
RANKLOG_DEVICE_CODE std::int64_t finish_wide(std::int64_t total, const Combination& how) {
  if (how.reduction != Reduction::mean && how.scale == 1.0) return total;
  const int divisor = how.reduction == Reduction::mean ? how.n_parts : 1;
  const double exact = static_cast<double>(total) / divisor * how.scale;
  // As a double the greatest int64 is one more than it is, hence "not below".
  if (!(exact < 0x1p63)) return INT64_MAX;
  if (exact <= -0x1p63) return INT64_MIN;
  return static_cast<std::int64_t>(llround(exact));
}

template <class T>
RANKLOG_DEVICE_CODE void combine_element(const T* parts, T* result, std::int64_t i,
                                         const Combination& how) {
  auto total = to_wide(parts[i]);
  if (how.reduction == Reduction::any || how.reduction == Reduction::all) {
    total = combine_two(total, total, how.reduction);
  }
  for (std::int32_t part = 1; part < how.n_parts; ++part) {
    total = combine_two(total, to_wide(parts[part * how.n_each + i]), how.reduction);
  }
  store_as(result[i], finish_wide(total, how));
}

// Calls `function` with a null pointer to the element's type.
template <class F>
void with_element(DeviceElement element, F function) {
  switch (element) {
    case DeviceElement::f64:
      return function(static_cast<double*>(nullptr));
    case DeviceElement::f32:
      return function(static_cast<float*>(nullptr));
    case DeviceElement::f16:
      return function(static_cast<Half*>(nullptr));
    case DeviceElement::bf16:
      return function(static_cast<Bfloat16*>(nullptr));
    case DeviceElement::i64:
      return function(static_cast<std::int64_t*>(nullptr));
    case DeviceElement::i32:
      return function(static_cast<std::int32_t*>(nullptr));
    case DeviceElement::u8:
      return function(static_cast<std::uint8_t*>(nullptr));
  }
}

}  // namespace ranklog::gpu
