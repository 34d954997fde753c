// The statistics of one tensor and how two parts of it merge: the same code on the device and on
// the host, where the tests of the host logic run it.
//
// Mean and second moment after Chan, Golub & LeVeque (1983), eq. 2.1, over groups of eight, so that
// there is one division for eight elements. All arithmetic in double; integers sum exactly.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/device_code.hpp"

#if defined(__CUDACC__)
#include <cuda_fp16.h>
#endif

namespace ranklog::gpu {

// Plain data with the same layout on both sides. Merged left to right it gives the same bits.
struct TensorStatistics {
  std::int64_t n_finite;
  std::int64_t n_nan;
  std::int64_t n_positive_infinite;
  std::int64_t n_negative_infinite;
  std::int64_t n_nonzero;  // NaN left out
  double sum;              // of the finite elements
  double mean;
  double m2;   // sum of (x - mean)^2
  double min;  // infinities are values here; meaningless while no element is a number
  double max;
  std::int64_t min_index;  // lowest index holding the minimum; -1: no number yet
  std::int64_t max_index;
  std::int64_t first_nan_index;  // -1: none
  // Integers: exact sum in two's complement of 128 bits, and extremes.
  std::uint64_t integer_sum_low;
  std::int64_t integer_sum_high;
  std::int64_t integer_min;
  std::int64_t integer_max;
};

RANKLOG_DEVICE_CODE TensorStatistics no_elements() {
  TensorStatistics none{};
  none.min_index = none.max_index = none.first_nan_index = -1;
  none.integer_min = INT64_MAX;
  none.integer_max = INT64_MIN;
  return none;
}

// IEEE half and bfloat16 as their bits, so that they need no type of CUDA's on the host.
struct Half {
  std::uint16_t bits;
};
struct Bfloat16 {
  std::uint16_t bits;
};

RANKLOG_DEVICE_CODE float float_of_bits(std::uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

RANKLOG_DEVICE_CODE double widen(double x) { return x; }
RANKLOG_DEVICE_CODE double widen(float x) { return static_cast<double>(x); }
RANKLOG_DEVICE_CODE double widen(std::int64_t x) { return static_cast<double>(x); }
RANKLOG_DEVICE_CODE double widen(std::int32_t x) { return static_cast<double>(x); }
RANKLOG_DEVICE_CODE double widen(std::uint8_t x) { return static_cast<double>(x); }
RANKLOG_DEVICE_CODE double widen(Bfloat16 x) {
  return static_cast<double>(float_of_bits(static_cast<std::uint32_t>(x.bits) << 16U));
}
// IEEE 754-2019, 3.6: binary16 has 5 exponent bits with bias 15 and 10 fraction bits.
RANKLOG_DEVICE_CODE double widen(Half x) {
#if defined(__CUDA_ARCH__)
  return static_cast<double>(__half2float(__ushort_as_half(x.bits)));
#else
  const std::uint32_t sign = (x.bits & 0x8000U) << 16U;
  const std::uint32_t exponent = (x.bits >> 10U) & 0x1FU;
  const std::uint32_t fraction = x.bits & 0x3FFU;
  if (exponent == 0) {  // zero and subnormal: fraction * 2^-24
    const double magnitude = static_cast<double>(fraction) * 0x1p-24;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide_exponent = exponent == 0x1FU ? 0xFFU : exponent + 112U;
  return static_cast<double>(float_of_bits(sign | (wide_exponent << 23U) | (fraction << 13U)));
#endif
}

RANKLOG_DEVICE_CODE bool is_finite(double x) { return x - x == 0; }

// Adds a group of finite elements with its own mean and second moment.
RANKLOG_DEVICE_CODE void merge_moments(TensorStatistics& a, std::int64_t n_b, double sum_b,
                                       double mean_b, double m2_b) {
  if (n_b == 0) return;
  if (a.n_finite == 0) {
    a.n_finite = n_b;
    a.sum = sum_b;
    a.mean = mean_b;
    a.m2 = m2_b;
    return;
  }
  const std::int64_t n = a.n_finite + n_b;
  const double share_b = static_cast<double>(n_b) / static_cast<double>(n);
  const double delta = mean_b - a.mean;
  if (is_finite(delta)) {
    a.mean += delta * share_b;
    a.m2 += m2_b + delta * delta * static_cast<double>(a.n_finite) * share_b;
  } else {  // near the ends of double: the difference overflows, the mean need not
    a.mean = a.mean * (1 - share_b) + mean_b * share_b;
    a.m2 = static_cast<double>(float_of_bits(0x7F800000U));
  }
  a.sum += sum_b;
  a.n_finite = n;
}

RANKLOG_DEVICE_CODE void take_extremes(TensorStatistics& a, double low, std::int64_t low_index,
                                       double high, std::int64_t high_index) {
  if (low_index >= 0 &&
      (a.min_index < 0 || low < a.min || (low == a.min && low_index < a.min_index))) {
    a.min = low;
    a.min_index = low_index;
  }
  if (high_index >= 0 &&
      (a.max_index < 0 || high > a.max || (high == a.max && high_index < a.max_index))) {
    a.max = high;
    a.max_index = high_index;
  }
}

RANKLOG_DEVICE_CODE void merge(TensorStatistics& a, const TensorStatistics& b) {
  merge_moments(a, b.n_finite, b.sum, b.mean, b.m2);
  take_extremes(a, b.min, b.min_index, b.max, b.max_index);
  a.n_nan += b.n_nan;
  a.n_positive_infinite += b.n_positive_infinite;
  a.n_negative_infinite += b.n_negative_infinite;
  a.n_nonzero += b.n_nonzero;
  if (b.first_nan_index >= 0 && (a.first_nan_index < 0 || b.first_nan_index < a.first_nan_index)) {
    a.first_nan_index = b.first_nan_index;
  }
  const std::uint64_t low = a.integer_sum_low + b.integer_sum_low;
  a.integer_sum_high += b.integer_sum_high + (low < a.integer_sum_low ? 1 : 0);
  a.integer_sum_low = low;
  a.integer_min = b.integer_min < a.integer_min ? b.integer_min : a.integer_min;
  a.integer_max = b.integer_max > a.integer_max ? b.integer_max : a.integer_max;
}

RANKLOG_DEVICE_CODE void add_one(TensorStatistics& a, double x, std::int64_t index) {
  if (x != x) {
    ++a.n_nan;
    if (a.first_nan_index < 0 || index < a.first_nan_index) a.first_nan_index = index;
    return;
  }
  a.n_nonzero += x != 0 ? 1 : 0;
  take_extremes(a, x, index, x, index);
  if (is_finite(x)) {
    merge_moments(a, 1, x, x, 0);
  } else if (x > 0) {
    ++a.n_positive_infinite;
  } else {
    ++a.n_negative_infinite;
  }
}

template <class T>
RANKLOG_DEVICE_CODE void add_exact(TensorStatistics&, T) {}
RANKLOG_DEVICE_CODE void add_exact(TensorStatistics& a, std::int64_t x) {
  const auto bits = static_cast<std::uint64_t>(x);
  const std::uint64_t low = a.integer_sum_low + bits;
  a.integer_sum_high += (x < 0 ? -1 : 0) + (low < bits ? 1 : 0);
  a.integer_sum_low = low;
  a.integer_min = x < a.integer_min ? x : a.integer_min;
  a.integer_max = x > a.integer_max ? x : a.integer_max;
}
RANKLOG_DEVICE_CODE void add_exact(TensorStatistics& a, std::int32_t x) {
  add_exact(a, static_cast<std::int64_t>(x));
}
RANKLOG_DEVICE_CODE void add_exact(TensorStatistics& a, std::uint8_t x) {
  add_exact(a, static_cast<std::int64_t>(x));
}

constexpr int group_size = 8;

template <class T>
struct alignas(group_size * sizeof(T) < 16 ? group_size * sizeof(T) : 16) Group {
  T elements[group_size];
};

// Reads eight neighbours; in words of 16 bytes where the address allows it, which the compiler
// cannot know.
template <class T>
RANKLOG_DEVICE_CODE Group<T> read_group(const T* from) {
  Group<T> group;
#if defined(__CUDA_ARCH__)
  if (reinterpret_cast<std::uintptr_t>(from) % alignof(Group<T>) == 0) {
    return *reinterpret_cast<const Group<T>*>(from);
  }
#endif
  for (int i = 0; i < group_size; ++i) group.elements[i] = from[i];
  return group;
}

// Adds eight neighbours, the first at `index`.
template <class T>
RANKLOG_DEVICE_CODE void add_group(TensorStatistics& a, const T (&elements)[group_size],
                                   std::int64_t index) {
  double x[group_size];
  double sum = 0;
  double low = 0;
  double high = 0;
  int low_at = 0;
  int high_at = 0;
  int n_nonzero = 0;
  for (int i = 0; i < group_size; ++i) {
    x[i] = widen(elements[i]);
    add_exact(a, elements[i]);
    sum += x[i];
    n_nonzero += x[i] != 0 ? 1 : 0;
    if (i == 0 || x[i] < low) {
      low = x[i];
      low_at = i;
    }
    if (i == 0 || x[i] > high) {
      high = x[i];
      high_at = i;
    }
  }
  if (!is_finite(sum)) {  // NaN or infinity among them, or the sum overflows
    for (int i = 0; i < group_size; ++i) add_one(a, x[i], index + i);
    return;
  }
  const double mean = sum * (1.0 / group_size);
  double m2 = 0;
  for (int i = 0; i < group_size; ++i) m2 += (x[i] - mean) * (x[i] - mean);
  merge_moments(a, group_size, sum, mean, m2);
  take_extremes(a, low, index + low_at, high, index + high_at);
  a.n_nonzero += n_nonzero;
}

// What thread `thread` of `n_threads` finds: groups thread, thread + n_threads, ... The last group
// may be short.
template <class T>
RANKLOG_DEVICE_CODE void scan(TensorStatistics& a, const T* data, std::int64_t n,
                              std::int64_t thread, std::int64_t n_threads) {
  const std::int64_t n_groups = n / group_size;
  for (std::int64_t group = thread; group < n_groups; group += n_threads) {
    add_group(a, read_group(data + group * group_size).elements, group * group_size);
  }
  if (thread != n_groups % n_threads) return;
  for (std::int64_t i = n_groups * group_size; i < n; ++i) {
    add_exact(a, data[i]);
    add_one(a, widen(data[i]), i);
  }
}

// How a tensor is cut into blocks of threads. It depends on its length alone, never on the device,
// so that the same tensor gives the same bits everywhere.
constexpr int threads_per_block = 256;
constexpr int max_blocks = 528;  // four for each multiprocessor of an H200
RANKLOG_DEVICE_CODE int blocks_for(std::int64_t n) {
  constexpr std::int64_t per_block = threads_per_block * group_size;
  const std::int64_t wanted = (n + per_block - 1) / per_block;
  return static_cast<int>(wanted < 1 ? 1 : wanted > max_blocks ? max_blocks : wanted);
}

}  // namespace ranklog::gpu
