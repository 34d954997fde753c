// A table that fits a terminal: it shortens what may be shortened, then leaves columns out.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "tools/ranklog/display_text.hpp"

namespace ranklog::tool {

inline constexpr std::size_t any_width = std::numeric_limits<std::size_t>::max();

struct Column {
  std::string title;
  Align align = Align::left;
  std::size_t min_width = 0;  // how far its cells may be shortened in the middle; 0: never
  int drop_order = 0;         // 1 is left out first, then 2, ...; 0: never
};

// Cells are printable text. A row with fewer cells than columns lets its last cell run to the end
// of the line; that cell does not widen its column and is shortened at its end.
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
};

// Columns of the terminal that the table takes when nothing is shortened or left out.
[[nodiscard]] std::size_t natural_width(const Table& table);

// Title and rows, a line each, and a line that names the columns that were left out. No line is
// wider than `width` unless the columns that are never left out are.
[[nodiscard]] std::string render(const Table& table, std::size_t width, Charset charset);

}  // namespace ranklog::tool
