#include "tools/ranklog/sparkline.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

namespace ranklog::tool {
namespace {

constexpr std::array<std::string_view, 8> blocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, 8> letters{".", ":", "-", "=", "+", "*", "#", "@"};
constexpr std::size_t flat_level = 3;  // of a curve that never changes

struct Cell {
  double sum = 0;
  std::size_t n_rows = 0;
  bool has_nan = false;

  [[nodiscard]] double mean() const { return sum / static_cast<double>(n_rows); }
  // Infinities of both signs have no mean either.
  [[nodiscard]] bool is_nan() const { return has_nan || (n_rows > 0 && std::isnan(mean())); }
};

std::vector<Cell> fill_cells(std::span<const std::int64_t> step, std::span<const double> value,
                             std::size_t width) {
  std::vector<Cell> cells(std::min(width, value.size()));
  const bool one_row_a_cell = value.size() <= width;
  const auto [lowest, highest] = std::minmax_element(step.begin(), step.end());
  // In double: the difference of two steps can exceed int64.
  const auto first = static_cast<double>(*lowest);
  const double range = static_cast<double>(*highest) - first + 1;
  for (std::size_t row = 0; row < value.size(); ++row) {
    const double share = (static_cast<double>(step[row]) - first) / range;
    const auto at =
        one_row_a_cell ? row : static_cast<std::size_t>(share * static_cast<double>(cells.size()));
    Cell& cell = cells[std::min(at, cells.size() - 1)];
    if (std::isnan(value[row])) {
      cell.has_nan = true;
    } else {
      cell.sum += value[row];
      ++cell.n_rows;
    }
  }
  return cells;
}

std::size_t level_of(double mean, double low, double high) {
  if (std::isinf(mean)) return mean > 0 ? blocks.size() - 1 : 0;
  if (!(high > low)) return flat_level;
  // Halved first: high - low overflows for values near the largest double.
  const double share = (mean / 2 - low / 2) / (high / 2 - low / 2);
  const auto level = static_cast<std::size_t>(share * static_cast<double>(blocks.size()));
  return std::min(level, blocks.size() - 1);
}

}  // namespace

std::string sparkline(std::span<const std::int64_t> step, std::span<const double> value,
                      std::size_t width, Charset charset) {
  if (value.empty() || step.size() != value.size() || width == 0) return {};
  const auto cells = fill_cells(step, value, width);
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const Cell& cell : cells) {
    if (cell.n_rows == 0 || cell.is_nan() || std::isinf(cell.mean())) continue;
    low = std::min(low, cell.mean());
    high = std::max(high, cell.mean());
  }
  std::string line;
  for (const Cell& cell : cells) {
    if (cell.is_nan()) {
      line += charset == Charset::utf8 ? "×" : "x";
    } else if (cell.n_rows == 0) {
      line += ' ';
    } else {
      line += (charset == Charset::utf8 ? blocks : letters)[level_of(cell.mean(), low, high)];
    }
  }
  return line;
}

}  // namespace ranklog::tool
