#include <doctest/doctest.h>

#include <sstream>
#include <string>

#include "tools/ranklog/table.hpp"

using ranklog::tool::Align;
using ranklog::tool::any_width;
using ranklog::tool::Charset;
using ranklog::tool::display_width;
using ranklog::tool::natural_width;
using ranklog::tool::render;
using ranklog::tool::Table;

namespace {

Table example() {
  Table table;
  table.columns = {{"KEY", Align::left, 6, 0},
                   {"LAST", Align::right, 0, 0},
                   {"MEAN", Align::right, 0, 2},
                   {"UNIT", Align::left, 0, 1}};
  table.rows = {{"train/loss_of_all", "0.5", "1.25", "s"}, {"n", "1000", "2", ""}};
  return table;
}

}  // namespace

TEST_CASE("columns are aligned and no line ends in a blank") {
  CHECK(render(example(), any_width, Charset::utf8) ==
        "KEY                LAST  MEAN  UNIT\n"
        "train/loss_of_all   0.5  1.25  s\n"
        "n                  1000     2\n");
}

TEST_CASE("a table that is too wide shortens what may be shortened") {
  CHECK(natural_width(example()) == 35);
  CHECK(render(example(), 30, Charset::utf8) ==
        "KEY           LAST  MEAN  UNIT\n"
        "train…of_all   0.5  1.25  s\n"
        "n             1000     2\n");
}

TEST_CASE("columns are left out in their order when shortening is not enough") {
  CHECK(render(example(), 20, Charset::utf8) ==
        "KEY       LAST  MEAN\n"
        "tra…_all   0.5  1.25\n"
        "n         1000     2\n"
        "(--wide adds UNIT)\n");
  CHECK(render(example(), 12, Charset::utf8) ==
        "KEY     LAST\n"
        "tr…all   0.5\n"
        "n       1000\n"
        "(--wide add…\n");
}

TEST_CASE("no line is wider than asked") {
  for (std::size_t width = 12; width < 40; ++width) {
    std::istringstream lines(render(example(), width, Charset::utf8));
    for (std::string line; std::getline(lines, line);) CHECK(display_width(line) <= width);
  }
}

TEST_CASE("a short row lets its last cell run to the end of the line") {
  Table table = example();
  table.rows.push_back({"broken", "unreadable: not a run file at all"});
  CHECK(natural_width(table) == 35);
  const std::string text = render(table, 35, Charset::utf8);
  CHECK(text.find("broken             unreadable: not…\n") != std::string::npos);
}
