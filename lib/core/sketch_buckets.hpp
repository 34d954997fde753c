// The buckets of a Distribution: sixteen to each power of two from 2^-64 to 2^64 for either sign,
// and one for what is nearer to zero. Numbered in ascending order of the values. The device counts
// with the same code.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/device_code.hpp"

namespace ranklog::sketch {

constexpr int buckets_per_octave = 16;
constexpr int lowest_exponent = -64;
constexpr int n_octaves = 128;
constexpr int n_of_sign = buckets_per_octave * n_octaves;
constexpr int zero_bucket = n_of_sign;
constexpr int n_buckets = 2 * n_of_sign + 1;

// `x` is not NaN; infinities fall into the outermost buckets. The highest bits of the fraction
// count through an octave: IEEE 754-2019, 3.4, binary64.
RANKLOG_DEVICE_CODE int bucket_of(double x) {
  std::uint64_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  const bool is_negative = (bits >> 63U) != 0;
  const int exponent = static_cast<int>((bits >> 52U) & 0x7FFU) - 1023;
  if (exponent < lowest_exponent) return zero_bucket;
  const int sixteenth = static_cast<int>((bits >> 48U) & 0xFU);
  int place = (exponent - lowest_exponent) * buckets_per_octave + sixteenth;
  if (place >= n_of_sign) place = n_of_sign - 1;
  return is_negative ? zero_bucket - 1 - place : zero_bucket + 1 + place;
}

// The magnitude at which a bucket of either sign begins; place n_of_sign is the end of the last.
inline double magnitude_at(int place) {
  const int octave = place / buckets_per_octave;
  const double fraction = static_cast<double>(place % buckets_per_octave) / buckets_per_octave;
  return std::ldexp(1.0 + fraction, octave + lowest_exponent);
}

// A bucket holds values from its lower edge on to that of the next one; of negative values the
// upper edge belongs to it and the lower does not.
inline double lower_edge(int bucket) {
  if (bucket > zero_bucket) return magnitude_at(bucket - zero_bucket - 1);
  return -magnitude_at(zero_bucket - bucket);
}

}  // namespace ranklog::sketch
