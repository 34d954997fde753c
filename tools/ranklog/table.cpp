#include "tools/ranklog/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace ranklog::tool {
namespace {

constexpr std::size_t gap = 2;  // blanks between columns

struct Layout {
  std::vector<std::size_t> width;
  std::vector<bool> is_shown;

  [[nodiscard]] std::size_t total() const {
    std::size_t sum = 0;
    std::size_t n_shown = 0;
    for (std::size_t i = 0; i < width.size(); ++i) {
      if (!is_shown[i]) continue;
      sum += width[i];
      ++n_shown;
    }
    return n_shown == 0 ? 0 : sum + gap * (n_shown - 1);
  }
};

bool is_spanning(const Table& table, const std::vector<std::string>& row, std::size_t column) {
  return column + 1 == row.size() && row.size() < table.columns.size();
}

Layout natural_layout(const Table& table) {
  Layout layout;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    std::size_t width = display_width(table.columns[i].title);
    for (const auto& row : table.rows) {
      if (i < row.size() && !is_spanning(table, row, i)) {
        width = std::max(width, display_width(row[i]));
      }
    }
    layout.width.push_back(width);
    layout.is_shown.push_back(true);
  }
  return layout;
}

// Takes the missing columns from the widest column that may still give, one at a time.
void shrink(const Table& table, Layout& layout, std::size_t width) {
  for (std::size_t total = layout.total(); total > width; --total) {
    std::size_t widest = layout.width.size();
    for (std::size_t i = 0; i < layout.width.size(); ++i) {
      const std::size_t least = table.columns[i].min_width;
      if (!layout.is_shown[i] || least == 0 || layout.width[i] <= least) continue;
      if (widest == layout.width.size() || layout.width[i] > layout.width[widest]) widest = i;
    }
    if (widest == layout.width.size()) return;
    --layout.width[widest];
  }
}

std::size_t least_total(const Table& table, const Layout& layout) {
  Layout least = layout;
  for (std::size_t i = 0; i < least.width.size(); ++i) {
    const std::size_t min_width = table.columns[i].min_width;
    if (min_width > 0) least.width[i] = std::min(least.width[i], min_width);
  }
  return least.total();
}

void drop(const Table& table, Layout& layout, std::size_t width) {
  while (least_total(table, layout) > width) {
    std::size_t next = layout.width.size();
    for (std::size_t i = 0; i < layout.width.size(); ++i) {
      const int order = table.columns[i].drop_order;
      if (!layout.is_shown[i] || order == 0) continue;
      if (next == layout.width.size() || order < table.columns[next].drop_order) next = i;
    }
    if (next == layout.width.size()) return;
    layout.is_shown[next] = false;
  }
}

// "(--wide adds MIN, UNIT)" when these columns are left out.
std::string note_of_left_out(const Table& table, const Layout& layout, std::size_t width,
                             Charset charset) {
  std::vector<std::string> titles;
  for (std::size_t i = 0; i < layout.width.size(); ++i) {
    if (!layout.is_shown[i]) titles.push_back(table.columns[i].title);
  }
  if (titles.empty()) return {};
  const std::string note = fmt::format("(--wide adds {})", fmt::join(titles, ", "));
  return shorten_end(note, width, charset) + "\n";
}

// Blanks at the end of a line only make terminals wrap.
void trim_end(std::string& line) { line.erase(line.find_last_not_of(' ') + 1); }

}  // namespace

std::size_t natural_width(const Table& table) { return natural_layout(table).total(); }

std::string render(const Table& table, std::size_t width, Charset charset) {
  Layout layout = natural_layout(table);
  drop(table, layout, width);
  shrink(table, layout, width);

  const auto line_of = [&](const std::vector<std::string>& cells, bool is_title) {
    std::string line;
    std::size_t used = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (!layout.is_shown[i]) continue;
      if (used > 0) {
        line.append(gap, ' ');
        used += gap;
      }
      if (!is_title && is_spanning(table, cells, i)) {
        line += shorten_end(cells[i], width > used ? width - used : 0, charset);
        break;
      }
      line += pad(shorten_middle(cells[i], layout.width[i], charset), layout.width[i],
                  table.columns[i].align);
      used += layout.width[i];
    }
    trim_end(line);
    return line + "\n";
  };

  std::vector<std::string> titles;
  for (const Column& column : table.columns) titles.push_back(column.title);
  std::string out = line_of(titles, true);
  for (const auto& row : table.rows) out += line_of(row, false);
  return out + note_of_left_out(table, layout, width, charset);
}

}  // namespace ranklog::tool
