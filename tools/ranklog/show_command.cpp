// `ranklog show`: reads of a run what was asked for.
#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "ranklog/error.hpp"
#include "tools/ranklog/commands.hpp"
#include "tools/ranklog/run_access.hpp"
#include "tools/ranklog/run_status.hpp"
#include "tools/ranklog/shown_run.hpp"
#include "tools/ranklog/sparkline.hpp"

namespace ranklog::tool {
namespace {

constexpr std::size_t default_limit = 40;  // metrics

bool is_wanted(const std::string& key, const std::vector<std::string>& patterns) {
  return patterns.empty() ||
         std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
           return fnmatch(pattern.c_str(), key.c_str(), 0) == 0;  // here `*` matches `/` too
         });
}

std::vector<SeriesInfo> choose(std::vector<SeriesInfo> series, const ShowOptions& options) {
  const std::size_t n_all = series.size();
  std::erase_if(series,
                [&](const SeriesInfo& one) { return !is_wanted(one.key, options.patterns); });
  if (series.empty() && n_all > 0) {
    throw UsageError(fmt::format("no metric matches {}; the run has {} metrics",
                                 fmt::join(options.patterns, " or "), n_all));
  }
  return series;
}

void draw_curves(const Series& series, Charset charset, ShownMetric& metric) {
  std::vector<std::int64_t> step;
  std::vector<double> value;
  const std::size_t n_rows = std::min(series.step.size(), series.value.size());
  for (std::size_t row = 0; row < n_rows; ++row) {
    if (!is_present(series, row)) continue;
    step.push_back(series.step[row]);
    value.push_back(series.value[row]);
  }
  for (std::size_t i = 0; i < curve_widths.size(); ++i) {
    metric.curves[i] = sparkline(step, value, curve_widths[i], charset);
  }
}

// What summarize() looks at.
Columns needed_columns(const SeriesInfo& info) {
  if (info.kind == Kind::text) return Columns::value;
  const Columns ranks = info.reduction == Reduction::min ? Columns::min_rank : Columns::max_rank;
  return Columns::value | Columns::min | Columns::max | ranks | Columns::first_nan_rank |
         Columns::count | Columns::nan_count;
}

// Rows for a curve: all, or about so many that are spread over the whole run. Each costs two system
// calls, and a run that is being written must be read before its next flush.
constexpr std::int64_t max_curve_rows = 512;

Series read_curve(const RunReader& reader, const SeriesInfo& info) {
  ReadOptions wanted{.columns = Columns::value | Columns::count};
  wanted.rows.stride = std::max<std::int64_t>(info.n_rows / max_curve_rows, 1);
  return reader.read(info.key, wanted);
}

// The exact number that the summary says as a real; a run that goes on may have newer ones.
std::optional<std::int64_t> last_integer_of(const Series& last, const SummaryInfo& said) {
  for (std::size_t row = last.integers.size(); row-- > 0;) {
    if (said.last_step && last.step[row] == *said.last_step) return last.integers[row];
  }
  return std::nullopt;
}

// From the run's own summary, whatever the number of rows.
void fill_from_summary(const RunReader& reader, const SummaryInfo& said, const ShowOptions& options,
                       ShownMetric& metric) {
  const SeriesInfo info = metric.summary.info;
  metric.summary = summarize(info, said);
  const auto show_rows_of = [&](const Series& series) {
    metric.summary.info.n_rows = series.info.n_rows;
  };
  if (info.kind != Kind::real || options.json) {
    const Series last = reader.read(
        info.key,
        {.columns = Columns::value, .rows = {.first = std::max<std::int64_t>(info.n_rows - 1, 0)}});
    metric.summary.last_integer = last_integer_of(last, said);
    show_rows_of(last);
  }
  if (options.json) return;
  const Series curve = read_curve(reader, info);
  show_rows_of(curve);
  draw_curves(curve, options.layout.charset, metric);
}

void fill_from_rows(const RunReader& reader, const ShowOptions& options, ShownMetric& metric) {
  const SeriesInfo info = metric.summary.info;
  ReadOptions wanted{.columns = needed_columns(info)};
  if (info.kind == Kind::text) wanted.rows.first = std::max<std::int64_t>(info.n_rows - 1, 0);
  const Series series = reader.read(info.key, wanted);
  metric.summary = summarize(series);
  metric.summary.info.n_rows = series.info.n_rows;
  const bool has_curve = info.kind != Kind::text && !options.json;
  if (has_curve) draw_curves(series, options.layout.charset, metric);
}

ShownMetric read_metric(const RunReader& reader, const SeriesInfo& info, const SummaryInfo* said,
                        const ShowOptions& options) {
  ShownMetric metric;
  metric.summary.info = info;
  try {
    if (said != nullptr) {
      fill_from_summary(reader, *said, options, metric);
    } else {
      fill_from_rows(reader, options, metric);
    }
  } catch (const Error& error) {
    metric.error = error.what();
  }
  return metric;
}

}  // namespace

CommandResult run_show(const ShowOptions& options) {
  const auto file = find_run_file(options.run);
  const RunReader reader(file);
  ShownRun run;
  run.path = file.string();
  run.info = reader.info();
  if (!options.no_config) run.config = reader.config();
  run.provenance = reader.provenance();
  const std::vector<SeriesInfo> all = reader.series();
  if (run.info.status == "running") run.quiet_s = quiet_time_s(file);

  const auto wanted = choose(all, options);
  const bool is_limited = !options.all && !options.json && wanted.size() > default_limit;
  const std::size_t n_shown = is_limited ? default_limit : wanted.size();
  run.n_left_out = wanted.size() - n_shown;

  // Empty for a file that an older version began: then its rows are read.
  const std::vector<SummaryInfo> summary = reader.summary();
  CommandResult result;
  for (std::size_t i = 0; i < n_shown; ++i) {
    const auto said = std::find_if(summary.begin(), summary.end(), [&](const SummaryInfo& one) {
      return one.key == wanted[i].key;
    });
    run.metrics.push_back(
        read_metric(reader, wanted[i], said == summary.end() ? nullptr : &*said, options));
    const std::string& error = run.metrics.back().error;
    if (error.empty()) continue;
    result.errors.push_back(error);
    result.exit_code = exit_unreadable;
  }
  result.output = options.json ? show_as_json(run, options) : show_as_text(run, options);
  return result;
}

}  // namespace ranklog::tool
