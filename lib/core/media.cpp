#include "ranklog/media.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <utility>

#include "core/file_bytes.hpp"
#include "core/relative_path.hpp"
#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog {
namespace {

constexpr double largest = std::numeric_limits<double>::max();

bool ascends(const std::vector<double>& edges) {
  return std::adjacent_find(edges.begin(), edges.end(), std::greater_equal<>()) == edges.end();
}

std::vector<double> equal_bins(double low, double high, std::size_t n_bins) {
  std::vector<double> edges(n_bins + 1);
  for (std::size_t i = 0; i <= n_bins; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(n_bins);
    edges[i] = low * (1 - share) + high * share;  // high - low could overflow
  }
  return edges;
}

}  // namespace

Table::Table(std::vector<std::string> columns, std::vector<Row> rows)
    : columns_(std::move(columns)) {
  if (columns_.empty()) throw InvalidValueError("a table needs at least one column");
  std::set<std::string_view> seen;
  for (const auto& name : columns_) {
    if (name.empty()) throw InvalidValueError("a table has a column without a name");
    if (!seen.insert(name).second) {
      throw InvalidValueError(
          fmt::format("a table has two columns '{}'", escape_unprintable(name)));
    }
  }
  for (auto& row : rows) add_row(std::move(row));
}

Table& Table::add_row(Row row) {
  if (row.size() != columns_.size()) {
    throw InvalidValueError(fmt::format("row {} of a table has {} values for {} columns",
                                        rows_.size(), row.size(), columns_.size()));
  }
  for (const auto& cell : row) {
    if (cell.get_if<ConfigValue::List>() != nullptr || cell.get_if<Config>() != nullptr) {
      throw InvalidValueError(fmt::format(
          "row {} of a table holds a list or a dictionary; give numbers, truth values, texts or "
          "null",
          rows_.size()));
    }
  }
  rows_.push_back(std::move(row));
  return *this;
}

Histogram::Histogram(std::vector<double> edges, std::vector<double> counts)
    : edges_(std::move(edges)), counts_(std::move(counts)) {
  if (counts_.empty() || edges_.size() != counts_.size() + 1) {
    throw InvalidValueError(
        fmt::format("a histogram has {} edges for {} counts; it needs one edge more than counts",
                    edges_.size(), counts_.size()));
  }
  const auto is_finite = [](double value) { return std::isfinite(value); };
  if (!std::all_of(edges_.begin(), edges_.end(), is_finite) || !ascends(edges_)) {
    throw InvalidValueError("the edges of a histogram must be finite and ascend");
  }
  if (!std::all_of(counts_.begin(), counts_.end(),
                   [&](double count) { return is_finite(count) && count >= 0; })) {
    throw InvalidValueError("the counts of a histogram must be finite and not negative");
  }
}

Histogram Histogram::of(std::span<const double> values, std::size_t n_bins) {
  constexpr std::size_t max_bins = 512;
  if (n_bins < 1 || n_bins > max_bins) {
    throw InvalidValueError(fmt::format("a histogram of {} bins: give 1 to {}", n_bins, max_bins));
  }
  double low = INFINITY;
  double high = -INFINITY;
  std::int64_t n_left_out = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) {
      ++n_left_out;
      continue;
    }
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low > high) low = high = 0;
  auto edges = equal_bins(low, high, n_bins);
  if (!ascends(edges)) {  // the values are equal, or too near to each other for so many bins
    const double half = std::max(0.5, std::abs(low) * 1e-9);
    edges = equal_bins(std::max(low - half, -largest), std::min(high + half, largest), n_bins);
  }
  std::vector<double> counts(n_bins, 0.0);
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    const auto above = std::upper_bound(edges.begin(), edges.end(), value);
    const auto bin = std::clamp<std::ptrdiff_t>(above - edges.begin() - 1, 0,
                                                static_cast<std::ptrdiff_t>(n_bins) - 1);
    counts[static_cast<std::size_t>(bin)] += 1;
  }
  Histogram histogram(std::move(edges), std::move(counts));
  histogram.n_left_out_ = n_left_out;
  return histogram;
}

Figure::Figure(std::string name_of_file, std::string contents)
    : file_name(std::move(name_of_file)), bytes(std::move(contents)) {
  validate_relative_path(file_name, "figure file name");
}

Figure Figure::from_file(const std::filesystem::path& path) {
  return {path.filename().string(), read_whole_file(path)};
}

}  // namespace ranklog
