// What `ranklog show` says about one metric, from its columns.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "ranklog/run_reader.hpp"

namespace ranklog::tool {

// The rank that most often held the largest value of its row (the smallest, for metrics reduced
// by min), the lowest of them on a tie. Rows in which all ranks agree, or which only one rank
// logged, have no worst rank and are not compared.
struct WorstRank {
  std::int32_t rank = 0;
  std::int64_t n_rows_held = 0;
  std::int64_t n_rows_compared = 0;
};

struct MetricSummary {
  SeriesInfo info;
  std::optional<std::int64_t> last_step;

  double last = std::numeric_limits<double>::quiet_NaN();
  double mean = std::numeric_limits<double>::quiet_NaN();  // of the rows whose value is no NaN
  double min = std::numeric_limits<double>::quiet_NaN();   // over rows and ranks
  double max = std::numeric_limits<double>::quiet_NaN();
  std::optional<std::int64_t> last_integer;  // exact, where the metric has integers
  std::string last_text;                     // kind text

  std::int64_t n_nan_rows = 0;  // rows in which some rank logged a NaN
  std::optional<std::int64_t> first_nan_step;
  std::optional<std::int32_t> first_nan_rank;  // lowest rank with a NaN at that step
  std::optional<WorstRank> worst;              // absent for any, all, first and last
};

// Rows with a count of 0 are absent values and are passed over. Complexity: O(rows log ranks).
[[nodiscard]] MetricSummary summarize(const Series& series);

// The same from what a finished run says of itself, without its rows. Reductions that have no worst
// rank get none.
[[nodiscard]] MetricSummary summarize(const SeriesInfo& info, const SummaryInfo& said);

// True if the value of `row` is there, i.e. some rank logged it.
[[nodiscard]] bool is_present(const Series& series, std::size_t row);

}  // namespace ranklog::tool
