#include "tools/ranklog/display_text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cwchar>
#include <vector>

#include "core/text.hpp"

namespace ranklog::tool {
namespace {

struct Character {
  std::string_view bytes;
  char32_t code = 0;
};

// The first character of valid UTF-8; a stray byte counts as one character.
Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const auto bytes = text.substr(0, length);
  char32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
  for (const char c : bytes.substr(1)) code = code << 6 | (static_cast<unsigned char>(c) & 0x3FU);
  return {bytes, code};
}

// Line separators and the marks of Unicode's bidirectional algorithm (UAX 9): printable by their
// class, yet able to reorder or break what stands around them.
bool disturbs_layout(char32_t code) {
  return code == 0x061C || (code >= 0x200E && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

std::size_t width_of(const Character& character) {
  const int width = wcwidth(static_cast<wchar_t>(character.code));
  return width < 0 ? 1 : static_cast<std::size_t>(width);
}

std::string_view ellipsis(Charset charset) { return charset == Charset::utf8 ? "…" : ".."; }

std::size_t ellipsis_width(Charset charset) { return charset == Charset::utf8 ? 1 : 2; }

// Number of bytes of the longest start of `text` that fits in `width` columns.
std::size_t bytes_that_fit(std::string_view text, std::size_t width) {
  std::size_t n_bytes = 0;
  std::size_t used = 0;
  while (n_bytes < text.size()) {
    const auto character = first_character(text.substr(n_bytes));
    used += width_of(character);
    if (used > width) break;
    n_bytes += character.bytes.size();
  }
  return n_bytes;
}

// The longest end of `text` that fits in `width` columns.
std::string_view tail_that_fits(std::string_view text, std::size_t width) {
  std::size_t to_drop = display_width(text);
  to_drop = to_drop > width ? to_drop - width : 0;
  std::size_t dropped = 0;
  while (!text.empty() && dropped < to_drop) {
    const auto character = first_character(text);
    dropped += width_of(character);
    text.remove_prefix(character.bytes.size());
  }
  return text;
}

}  // namespace

std::string printable(std::string_view text, Charset charset) {
  const std::string safe = escape_unprintable(text, std::string_view::npos);
  std::string out;
  for (std::string_view rest = safe; !rest.empty();) {
    const auto character = first_character(rest);
    const bool is_foreign = charset == Charset::ascii && character.code >= 0x80;
    if (is_foreign || disturbs_layout(character.code)) {
      out += fmt::format("\\u{{{:x}}}", static_cast<unsigned>(character.code));
    } else {
      out += character.bytes;
    }
    rest.remove_prefix(character.bytes.size());
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const auto character = first_character(text);
    width += width_of(character);
    text.remove_prefix(character.bytes.size());
  }
  return width;
}

std::string shorten_middle(std::string_view text, std::size_t width, Charset charset) {
  if (display_width(text) <= width) return std::string(text);
  const std::size_t mark = ellipsis_width(charset);
  if (width <= mark) return std::string(text.substr(0, bytes_that_fit(text, width)));
  const std::size_t tail = (width - mark + 1) / 2;  // the end of a key tells more than its start
  const std::size_t head = width - mark - tail;
  return fmt::format("{}{}{}", text.substr(0, bytes_that_fit(text, head)), ellipsis(charset),
                     tail_that_fits(text, tail));
}

std::string shorten_end(std::string_view text, std::size_t width, Charset charset) {
  if (display_width(text) <= width) return std::string(text);
  const std::size_t mark = std::min(width, ellipsis_width(charset));
  const auto head = text.substr(0, bytes_that_fit(text, width - mark));
  return mark < ellipsis_width(charset) ? std::string(head)
                                        : fmt::format("{}{}", head, ellipsis(charset));
}

std::string pad(std::string_view text, std::size_t width, Align align) {
  const std::size_t used = display_width(text);
  const std::string blanks(width > used ? width - used : 0, ' ');
  return align == Align::left ? std::string(text) + blanks : blanks + std::string(text);
}

}  // namespace ranklog::tool
