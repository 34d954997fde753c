#include "trackers/mlflow/mlflow_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/text.hpp"

namespace ranklog::trackers::mlflow {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Letters and digits of much used scripts that have been in Unicode since version 9 at least, so
// that every Python counts them as such.
constexpr std::array<Range, 29> letters{{
    {0xC0, 0xD6},     {0xD8, 0xF6},     {0xF8, 0x24F},  // Latin
    {0x370, 0x373},   {0x386, 0x386},   {0x388, 0x38A},
    {0x38C, 0x38C},   {0x38E, 0x3A1},   {0x3A3, 0x3F5},      // Greek
    {0x400, 0x481},   {0x48A, 0x52F},                        // Cyrillic
    {0x531, 0x556},   {0x561, 0x586},                        // Armenian
    {0x5D0, 0x5EA},                                          // Hebrew
    {0x620, 0x64A},   {0x660, 0x669},                        // Arabic
    {0x904, 0x939},                                          // Devanagari
    {0xE01, 0xE30},                                          // Thai
    {0x10D0, 0x10FA},                                        // Georgian
    {0x1E00, 0x1EFF}, {0x1F00, 0x1F15},                      // Latin and Greek with marks
    {0x3041, 0x3096}, {0x30A1, 0x30FA}, {0x30FC, 0x30FE},    // Kana
    {0x3131, 0x318E}, {0xAC00, 0xD7A3},                      // Hangul
    {0x3400, 0x4DB5}, {0x4E00, 0x9FA5}, {0x20000, 0x2A6D6},  // Han
}};

constexpr char32_t replacement = 0xFFFD;

bool is_ascii_word(char32_t c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_letter(char32_t c) noexcept {
  return std::any_of(letters.begin(), letters.end(),
                     [c](const Range& range) { return c >= range.first && c <= range.last; });
}

// The code point at `at`, which it moves on; U+FFFD for a byte that is no UTF-8.
char32_t next_character(std::string_view text, std::size_t& at) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  const std::size_t n = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (at + n > text.size() || !is_valid_utf8(text.substr(at, n))) {
    ++at;
    return replacement;
  }
  char32_t c = n == 1 ? lead : lead & (0xFFU >> (n + 1));
  for (std::size_t i = 1; i < n; ++i) c = c << 6 | (byte(at + i) & 0x3F);
  at += n;
  return c;
}

// `_x41_` in a key of the user's would be read back as "A".
bool begins_like_escape(std::string_view text) noexcept {
  if (!text.starts_with("_x")) return false;
  const auto end = text.find_first_not_of("0123456789abcdefABCDEF", 2);
  return end != std::string_view::npos && end > 2 && text[end] == '_';
}

// "." and ".." would be taken for directories, an empty part disappears.
bool is_part_of_dots(std::string_view text, std::size_t at) noexcept {
  const auto before = text.rfind('/', at);
  const auto begin = before == std::string_view::npos ? 0 : before + 1;
  const auto part = text.substr(begin, text.find('/', begin) - begin);
  return part == "." || part == "..";
}

bool is_stray_slash(std::string_view text, std::size_t at) noexcept {
  return at == 0 || at + 1 == text.size() || text[at - 1] == '/';
}

bool is_kept(std::string_view text, std::size_t at, char32_t c, bool is_file_name) noexcept {
  switch (c) {
    case '_':
      return !begins_like_escape(text.substr(at));
    case '-':
    case ' ':
      return true;
    case '.':
      return !is_part_of_dots(text, at);
    case '/':
      return !is_file_name && !is_stray_slash(text, at);
    default:
      return is_ascii_word(c) || (!is_file_name && is_letter(c));
  }
}

std::uint64_t fnv1a(std::string_view text) noexcept {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

MappedKey map(std::string_view key, bool is_file_name) {
  constexpr std::size_t digest_characters = 2 + 16;
  MappedKey mapped;
  std::size_t n_characters = 0;
  std::size_t cut_at = 0;  // byte behind which a digest fits in place of the rest
  for (std::size_t at = 0; at < key.size();) {
    const std::size_t begin = at;
    const char32_t c = next_character(key, at);
    std::string piece;
    if (is_kept(key, begin, c, is_file_name)) {
      piece = key.substr(begin, at - begin);
      ++n_characters;
    } else {
      piece = fmt::format("_x{:02x}_", static_cast<std::uint32_t>(c));
      n_characters += piece.size();
    }
    mapped.text += piece;
    if (n_characters + digest_characters <= max_key_characters) cut_at = mapped.text.size();
  }
  if (n_characters > max_key_characters) {
    mapped.digest = fmt::format("{:016x}", fnv1a(key));
    mapped.text.resize(cut_at);
    while (mapped.text.ends_with('/')) mapped.text.pop_back();
    mapped.text += "_h" + mapped.digest;
  }
  return mapped;
}

}  // namespace

MappedKey map_key(std::string_view key) { return map(key, false); }
std::string map_file_name(std::string_view key) { return map(key, true).text; }

}  // namespace ranklog::trackers::mlflow
