// Small text helpers that several modules need: escaping, UTF-8, numbers and dates as text.
#pragma once

#include <string>
#include <string_view>

namespace ranklog {

// The text with control characters and invalid UTF-8 as \xNN, so that it is safe in a message.
// Longer than `max_bytes`: cut, with "..." at the end.
[[nodiscard]] std::string escape_unprintable(std::string_view text, std::size_t max_bytes = 300);

// Strict: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_valid_utf8(std::string_view text) noexcept;

// "2026-11-23T10:00:00.123Z".
[[nodiscard]] std::string iso8601_utc(double seconds_since_epoch);

// The shortest text that reads back as the same double; "NaN", "Infinity", "-Infinity".
[[nodiscard]] std::string format_real(double value);

// A JSON string literal with its quotes. Invalid UTF-8 becomes U+FFFD.
[[nodiscard]] std::string json_quote(std::string_view text);

}  // namespace ranklog
