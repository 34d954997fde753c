// What the tool knows of its surroundings: the width and character set of the output, and writing
// to it.
#pragma once

#include <cstddef>
#include <string_view>

#include "tools/ranklog/display_text.hpp"

namespace ranklog::tool {

// Takes up the user's locale for character types; numbers keep their decimal point.
void use_locale_of_user();
[[nodiscard]] Charset charset_of_locale();

// Columns of the terminal on standard output, else $COLUMNS, else 80; at least 40.
[[nodiscard]] std::size_t output_width();

// Writes all of `text` to standard output. A reader that has gone away, as `head` does, is no
// error: then it returns false. Errors: IoError when the system refuses the write.
bool write_output(std::string_view text);

}  // namespace ranklog::tool
