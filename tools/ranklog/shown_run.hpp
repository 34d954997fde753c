// What `ranklog show` read of a run, before it becomes text or JSON.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "ranklog/run_reader.hpp"
#include "tools/ranklog/commands.hpp"
#include "tools/ranklog/metric_summary.hpp"

namespace ranklog::tool {

// Widths that a curve may have. All are drawn while the columns are at hand, so that a run of many
// rows is read once and not kept.
inline constexpr std::array<std::size_t, 6> curve_widths{8, 12, 16, 24, 32, 40};

struct ShownMetric {
  MetricSummary summary;
  std::array<std::string, curve_widths.size()> curves;
  std::string error;  // empty: the metric was read
};

struct ShownRun {
  std::string path;
  RunInfo info;
  std::optional<std::int64_t> quiet_s;  // of a run that calls itself running
  Config config;
  Provenance provenance;
  std::vector<ShownMetric> metrics;
  std::size_t n_left_out = 0;  // metrics that the limit left out
};

[[nodiscard]] std::string show_as_text(const ShownRun& run, const ShowOptions& options);
[[nodiscard]] std::string show_as_json(const ShownRun& run, const ShowOptions& options);

// The table of the metrics that have numbers.
[[nodiscard]] std::string metric_table(const ShownRun& run, const Layout& layout);

}  // namespace ranklog::tool
