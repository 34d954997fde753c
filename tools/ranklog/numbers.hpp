// Numbers, durations and ages as short text for people.
#pragma once

#include <cstdint>
#include <string>

namespace ranklog::tool {

inline constexpr int max_digits = 6;

// `value` in at most `digits` significant digits, without idle zeros: 0.0123457, 1.2e-7, 3, NaN,
// inf.
[[nodiscard]] std::string format_number(double value, int digits = max_digits);

// Two units at most: "0.25s", "12.5s", "3m 20s", "2h 03m", "4d 01h"; "-" for no valid duration.
[[nodiscard]] std::string format_duration(double seconds);

// One unit, rounded down: "59s", "3m", "3h", "12d".
[[nodiscard]] std::string format_age(std::int64_t seconds);

}  // namespace ranklog::tool
