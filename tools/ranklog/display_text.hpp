// Text as a terminal shows it: made harmless, measured in columns, shortened and padded.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ranklog::tool {

// What may be written: UTF-8, or nothing but ASCII.
enum class Charset { utf8, ascii };

enum class Align { left, right };

// `text` without anything that a terminal could obey: control characters, invalid UTF-8 and marks
// that change the writing direction become escapes, and so does all that `charset` cannot hold.
[[nodiscard]] std::string printable(std::string_view text, Charset charset);

// Columns that valid UTF-8 takes, by wcwidth(3) under the current locale.
[[nodiscard]] std::size_t display_width(std::string_view text);

// `text` in at most `width` columns; what is left out is marked.
[[nodiscard]] std::string shorten_middle(std::string_view text, std::size_t width, Charset charset);
[[nodiscard]] std::string shorten_end(std::string_view text, std::size_t width, Charset charset);

[[nodiscard]] std::string pad(std::string_view text, std::size_t width, Align align);

}  // namespace ranklog::tool
