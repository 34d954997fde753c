#include <doctest/doctest.h>

#include <clocale>
#include <string>

#include "tools/ranklog/display_text.hpp"

using ranklog::tool::Align;
using ranklog::tool::Charset;
using ranklog::tool::display_width;
using ranklog::tool::pad;
using ranklog::tool::printable;
using ranklog::tool::shorten_end;
using ranklog::tool::shorten_middle;

TEST_CASE("an escape sequence in a key does not reach the terminal") {
  const std::string shown = printable("loss\x1b[2J\x07", Charset::utf8);
  CHECK(shown == "loss\\x1b[2J\\x07");
  CHECK(printable("\xc2\x9b"
                  "2J",
                  Charset::utf8) == "\\xc2\\x9b2J");
}

TEST_CASE("a new line in a value stays on its line") {
  CHECK(printable("a\nb\r", Charset::utf8) == "a\\x0ab\\x0d");
}

TEST_CASE("marks that turn the writing direction are escaped") {
  CHECK(printable("a\u202eb", Charset::utf8) == "a\\u{202e}b");
  CHECK(printable("a\u2067b\u2028", Charset::utf8) == "a\\u{2067}b\\u{2028}");
}

TEST_CASE("invalid UTF-8 is escaped and other letters are kept") {
  CHECK(printable("\xff\xc3", Charset::utf8) == "\\xff\\xc3");
  CHECK(printable("größe µs 损失", Charset::utf8) == "größe µs 损失");
}

TEST_CASE("the ASCII charset lets nothing but ASCII through") {
  CHECK(printable("µs", Charset::ascii) == "\\u{b5}s");
  CHECK(printable("损", Charset::ascii) == "\\u{635f}");
  CHECK(printable("\U0001F600", Charset::ascii) == "\\u{1f600}");
}

TEST_CASE("a text that is not cut by escaping keeps its full length") {
  CHECK(printable(std::string(1000, 'x'), Charset::utf8).size() == 1000);
}

TEST_CASE("width counts columns, not bytes") {
  const std::string before = std::setlocale(LC_CTYPE, nullptr);
  const bool has_utf8 = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;
  CHECK(display_width("größe") == 5);
  if (has_utf8) CHECK(display_width("损失") == 4);
  std::setlocale(LC_CTYPE, before.c_str());
}

TEST_CASE("a long key is shortened in the middle and keeps its end") {
  CHECK(shorten_middle("layers/12/grad_norm", 11, Charset::utf8) == "layer…_norm");
  CHECK(shorten_middle("layers/12/grad_norm", 11, Charset::ascii) == "laye.._norm");
  CHECK(shorten_middle("short", 5, Charset::utf8) == "short");
}

TEST_CASE("shortened text never takes more columns than it was given") {
  for (std::size_t width = 0; width < 12; ++width) {
    for (const Charset charset : {Charset::utf8, Charset::ascii}) {
      CHECK(display_width(shorten_middle("größe/straße", width, charset)) <= width);
      CHECK(display_width(shorten_end("größe/straße", width, charset)) <= width);
    }
  }
}

TEST_CASE("a long text is shortened at its end") {
  CHECK(shorten_end("abcdefgh", 5, Charset::utf8) == "abcd…");
  CHECK(shorten_end("abcdefgh", 5, Charset::ascii) == "abc..");
}

TEST_CASE("padding counts columns and never cuts") {
  CHECK(pad("µs", 4, Align::left) == "µs  ");
  CHECK(pad("µs", 4, Align::right) == "  µs");
  CHECK(pad("long", 2, Align::left) == "long");
}
