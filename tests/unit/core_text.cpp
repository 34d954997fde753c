// Escaping, UTF-8, dates and numbers as text.
#include "core/text.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

using namespace std::string_view_literals;
using ranklog::escape_unprintable;
using ranklog::format_real;
using ranklog::is_valid_utf8;
using ranklog::iso8601_utc;
using ranklog::json_quote;

namespace {

// A second opinion: decodes each code point and encodes it again in the shortest form.
bool is_valid_by_decoding(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t n = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : 4;
    if (n == 4 && lead >> 3 != 30) return false;
    if (i + n > text.size()) return false;
    std::uint32_t code = n == 1 ? lead : lead & (0xFFU >> (n + 1));
    for (std::size_t k = 1; k < n; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if (next >> 6 != 2) return false;
      code = code << 6 | (next & 0x3FU);
    }
    const std::size_t shortest = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (shortest != n || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    i += n;
  }
  return true;
}

}  // namespace

TEST_CASE("UTF-8 is checked strictly") {
  for (const auto good :
       {""sv, "a"sv, "\0"sv, "\x7F"sv, "\xC2\x80"sv, "\xDF\xBF"sv, "\xE0\xA0\x80"sv,
        "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv, "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv}) {
    CAPTURE(good);
    CHECK(is_valid_utf8(good));
  }
  for (const auto bad : {"\x80"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xE0\x9F\xBF"sv, "\xED\xA0\x80"sv,
                         "\xF0\x8F\xBF\xBF"sv, "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv, "\xFE"sv,
                         "\xC3"sv, "\xE2\x82"sv, "\xF0\x9F\x9A"sv, "a\xC3"sv, "\xC3z"sv}) {
    CAPTURE(bad);
    CHECK_FALSE(is_valid_utf8(bad));
  }
}

TEST_CASE("every text of up to three bytes, and many of four, is judged as by decoding") {
  std::mt19937 random(1);
  std::string text;
  int n_wrong = 0;
  for (unsigned code = 0; code < 1U << 16; ++code) {
    text = {static_cast<char>(code >> 8), static_cast<char>(code)};
    n_wrong += is_valid_utf8(text) != is_valid_by_decoding(text);
    // High bytes, since nearly all other texts are settled by their first byte.
    for (int k = 0; k < 8; ++k) {
      text = {static_cast<char>(0xE0 | (random() & 0x1F)), static_cast<char>(code >> 8 | 0x80),
              static_cast<char>(code), static_cast<char>(0x80 | (random() & 0x3F))};
      n_wrong += is_valid_utf8(text) != is_valid_by_decoding(text);
    }
  }
  CHECK(n_wrong == 0);
}

TEST_CASE("unprintable bytes are shown as hexadecimal, printable text stays") {
  CHECK(escape_unprintable("Größe 损失") == "Größe 损失");
  CHECK(escape_unprintable("a\x1B[31mb\n") == "a\\x1b[31mb\\x0a");
  CHECK(escape_unprintable("\0x\x7F"sv) == "\\x00x\\x7f");
  CHECK(escape_unprintable("\xC3(") == "\\xc3(");
  CHECK(escape_unprintable("\xC2\x9B") == "\\xc2\\x9b");
}

TEST_CASE("text in messages is cut, never inside a character") {
  CHECK(escape_unprintable("abcdef", 6) == "abcdef");
  CHECK(escape_unprintable("abcdefg", 6) == "abcdef...");
  const auto cut = escape_unprintable("ääääää", 3);
  CHECK(is_valid_utf8(cut));
  CHECK(cut == "ää...");
  CHECK(escape_unprintable(std::string(1'000'000, 'x')).size() <= 310);
}

TEST_CASE("whatever the bytes are, the escaped text is printable UTF-8") {
  std::mt19937 random(7);
  for (int k = 0; k < 2000; ++k) {
    std::string text(random() % 40, '\0');
    for (auto& c : text) c = static_cast<char>(random());
    const auto escaped = escape_unprintable(text);
    REQUIRE(is_valid_utf8(escaped));
    for (const char c : escaped) REQUIRE((static_cast<unsigned char>(c) >= 0x20 && c != 0x7F));
    REQUIRE(is_valid_utf8(json_quote(text)));
  }
}

TEST_CASE("dates are written in UTC with milliseconds") {
  CHECK(iso8601_utc(0) == "1970-01-01T00:00:00.000Z");
  CHECK(iso8601_utc(1795428000.123) == "2026-11-23T10:00:00.123Z");
  CHECK(iso8601_utc(951782400) == "2000-02-29T00:00:00.000Z");
  CHECK(iso8601_utc(-1) == "1969-12-31T23:59:59.000Z");
  CHECK(iso8601_utc(-0.25) == "1969-12-31T23:59:59.750Z");
  CHECK(iso8601_utc(0.9994) == "1970-01-01T00:00:00.999Z");
  CHECK(iso8601_utc(0.9999) == "1970-01-01T00:00:01.000Z");
}

TEST_CASE("milliseconds never have four digits") {
  CHECK(iso8601_utc(-1e-20).size() == iso8601_utc(0).size());
}

TEST_CASE("dates that the format cannot say are called invalid") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {std::nan(""), infinity, -infinity, 1e300, -1e300, 253402300800.0}) {
    CHECK(iso8601_utc(bad) == "invalid date");
  }
}

TEST_CASE("a real number as text reads back as the same bits") {
  std::mt19937_64 random(3);
  for (int k = 0; k < 20000; ++k) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    const auto text = format_real(value);
    REQUIRE(std::bit_cast<std::uint64_t>(std::strtod(text.c_str(), nullptr)) ==
            std::bit_cast<std::uint64_t>(value));
  }
  CHECK(format_real(0.1) == "0.1");
  CHECK(format_real(-0.0) == "-0");
  CHECK(std::strtod(format_real(5e-324).c_str(), nullptr) == 5e-324);
  CHECK(format_real(std::nan("")) == "NaN");
  CHECK(format_real(INFINITY) == "Infinity");
  CHECK(format_real(-INFINITY) == "-Infinity");
}

TEST_CASE("JSON strings escape what JSON forbids") {
  CHECK(json_quote("") == "\"\"");
  CHECK(json_quote("say \"hi\" \\ there") == R"("say \"hi\" \\ there")");
  CHECK(json_quote("a\nb\0c"sv) == R"("a\u000ab\u0000c")");
  CHECK(json_quote("ä") == "\"ä\"");
  CHECK(json_quote("x\xFFy\xC3") == "\"x\xEF\xBF\xBDy\xEF\xBF\xBD\"");
}
