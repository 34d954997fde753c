#include "trackers/console/console_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "core/text.hpp"

namespace ranklog::trackers {
namespace {

constexpr std::size_t max_columns = 80;
constexpr std::size_t max_text_bytes = 60;

// Counts code points, which is right for all but wide and combining characters.
std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

std::string short_real(double value) {
  return std::isfinite(value) ? fmt::format("{:#.4g}", value) : format_real(value);
}

std::string short_extreme(const Metric& metric, double value) {
  return metric.info->kind == Kind::real ? short_real(value) : fmt::format("{:g}", value);
}

bool has_range(const Metric& metric) {
  const bool is_average =
      metric.info->reduction == Reduction::mean || metric.info->reduction == Reduction::gather;
  return is_average && metric.statistics.min < metric.statistics.max;
}

}  // namespace

std::string console_metric(const Metric& metric) {
  std::string out = escape_unprintable(metric.key()) + ' ';
  if (!metric.is_number()) {
    return out + (metric.info->reduction == Reduction::gather
                      ? fmt::format("<text of {} ranks>", metric.per_rank.size())
                      : '"' + escape_unprintable(metric.text, max_text_bytes) + '"');
  }
  out += metric.info->has_integer_value() ? fmt::format("{}", metric.integer_value)
                                          : short_real(metric.value);
  const Statistics& statistics = metric.statistics;
  if (has_range(metric)) {
    out += fmt::format(" [{} r{} .. {} r{}]", short_extreme(metric, statistics.min),
                       statistics.min_rank, short_extreme(metric, statistics.max),
                       statistics.max_rank);
  }
  if (statistics.nan_count > 0) {
    out += fmt::format(" ({} NaN, first r{})", statistics.nan_count, statistics.first_nan_rank);
  }
  return out;
}

std::string console_lines(std::int64_t step, std::span<const std::string> metrics) {
  std::string out = fmt::format("step {}", step);
  std::size_t n_columns = out.size();
  bool has_metric = false;
  for (const std::string& metric : metrics) {
    const std::size_t n_needed = 2 + columns_of(metric);
    if (has_metric && n_columns + n_needed > max_columns) {
      out += "\n    ";
      n_columns = 4;
    }
    out += "  " + metric;
    n_columns += n_needed;
    has_metric = true;
  }
  return out + '\n';
}

}  // namespace ranklog::trackers
