#include "tools/ranklog/numbers.hpp"

#include <fmt/format.h>

#include <cmath>

namespace ranklog::tool {
namespace {

constexpr std::int64_t minute_s = 60;
constexpr std::int64_t hour_s = 3600;
constexpr std::int64_t day_s = 86400;

// "1.500e-07" -> "1.5e-7", "1.5e+07" -> "1.5e7": columns for free in a narrow table.
std::string compact_exponent(std::string text) {
  const auto e = text.find('e');
  if (e == std::string::npos) return text;
  std::size_t digits = e + 1;
  const bool is_negative = text[digits] == '-';
  ++digits;
  while (digits + 1 < text.size() && text[digits] == '0') ++digits;
  std::string mantissa = text.substr(0, e);
  if (mantissa.find('.') != std::string::npos) {
    mantissa.erase(mantissa.find_last_not_of('0') + 1);
    if (mantissa.back() == '.') mantissa.pop_back();
  }
  return mantissa + (is_negative ? "e-" : "e") + text.substr(digits);
}

}  // namespace

std::string format_number(double value, int digits) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (value == 0) return "0";
  // %g would write 0.000123457; the exponent says the same in fewer columns.
  constexpr double least_fixed = 1e-3;
  if (std::abs(value) < least_fixed) {
    return compact_exponent(fmt::format("{:.{}e}", value, digits - 1));
  }
  return compact_exponent(fmt::format("{:.{}g}", value, digits));
}

std::string format_duration(double seconds) {
  constexpr double max_s = 1e12;
  if (!(seconds >= 0 && seconds < max_s)) return "-";
  if (seconds < 9.995) return fmt::format("{:.2f}s", seconds);
  if (seconds < 59.95) return fmt::format("{:.1f}s", seconds);
  const std::int64_t total = std::llround(seconds);
  if (total < hour_s) return fmt::format("{}m {:02}s", total / minute_s, total % minute_s);
  if (total < day_s) {
    return fmt::format("{}h {:02}m", total / hour_s, total % hour_s / minute_s);
  }
  return fmt::format("{}d {:02}h", total / day_s, total % day_s / hour_s);
}

std::string format_age(std::int64_t seconds) {
  if (seconds < minute_s) return fmt::format("{}s", seconds);
  if (seconds < hour_s) return fmt::format("{}m", seconds / minute_s);
  if (seconds < 2 * day_s) return fmt::format("{}h", seconds / hour_s);
  return fmt::format("{}d", seconds / day_s);
}

}  // namespace ranklog::tool
