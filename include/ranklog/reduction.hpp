// How the values that the ranks log under one key become one number, and how a key is declared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ranklog {

// What the single number of a record is. Whatever is chosen, count, min, max, their ranks, std
// and the NaN count travel beside it.
enum class Reduction : std::uint8_t {
  mean,    // weighted mean over the ranks that logged the key; the default for numbers
  sum,     // integers exact, reals in double
  min,     //
  max,     //
  std,     // weighted population standard deviation (divisor: sum of weights)
  any,     // 1 if any rank logged a non-zero value
  all,     // 1 if every rank that logged the key logged a non-zero value
  first,   // the value of the lowest rank that logged the key; the default for text
  last,    // the value of the highest rank that logged the key
  gather,  // every rank's value, in rank order; the single number is their mean
};

[[nodiscard]] std::string_view to_string(Reduction reduction) noexcept;
[[nodiscard]] std::optional<Reduction> reduction_from_string(std::string_view name) noexcept;

// What a NaN on some rank does to the single number. The finite statistics, the NaN count and
// the first NaN rank are recorded in both cases.
enum class NanPolicy : std::uint8_t {
  propagate,  // the number is NaN
  skip,       // the number is that of the other ranks; NaN only if no rank has one
};

// The type under which a key was first logged; it never changes afterwards.
enum class Kind : std::uint8_t { real, integer, boolean, text };

[[nodiscard]] std::string_view to_string(Kind kind) noexcept;
[[nodiscard]] std::optional<Kind> kind_from_string(std::string_view name) noexcept;

// How sums over the ranks are added up. Whatever is chosen, the same values on the same number of
// ranks give the same bits.
enum class Order : std::uint8_t {
  by_rank,       // in double, in an order that depends on the number of ranks alone
  reproducible,  // without rounding until the end: see MetricOptions::order
};

[[nodiscard]] std::string_view to_string(Order order) noexcept;

// A declaration for `Accelerator::define_metric`.
struct MetricOptions {
  std::optional<Reduction> reduce = {};  // default: mean for numbers, first for text
  NanPolicy nan = NanPolicy::propagate;
  std::string unit = {};       // UCUM or plain text, e.g. "s", "1"
  std::string long_name = {};  // for axis labels
  // `reproducible`: every statistic but the ranks (and first and last) has the same bits on any
  // number of ranks, whichever rank holds which values and weights. Sum, mean and weight are the
  // exact ones rounded once, std is within one unit in the last place, a zero is +0. Costs several
  // times what a plain key does (docs/performance.md), and takes up to 2 kB a message and key.
  Order order = Order::by_rank;
};

}  // namespace ranklog
