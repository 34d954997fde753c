// `ranklog show`: reads of a run what was asked for.
#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "ranklog/error.hpp"
#include "tools/ranklog/commands.hpp"
#include "tools/ranklog/patient_reader.hpp"
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

ShownMetric read_metric(PatientReader& reader, const SeriesInfo& info, const ShowOptions& options) {
  ShownMetric metric;
  metric.summary.info = info;
  try {
    const Series series = reader.read([&](const RunReader& run) { return run.read(info.key); });
    metric.summary = summarize(series);
    const bool has_curve = info.kind != Kind::text && !options.json;
    if (has_curve) draw_curves(series, options.layout.charset, metric);
  } catch (const Error& error) {
    metric.error = error.what();
  }
  return metric;
}

}  // namespace

CommandResult run_show(const ShowOptions& options) {
  const auto file = find_run_file(options.run);
  PatientReader reader(file);
  ShownRun run;
  run.path = file.string();
  std::vector<SeriesInfo> all;
  reader.read([&](const RunReader& opened) {
    run.info = opened.info();
    if (!options.no_config) run.config = opened.config();
    run.provenance = opened.provenance();
    all = opened.series();
  });
  if (run.info.status == "running") run.quiet_s = quiet_time_s(file);

  const auto wanted = choose(std::move(all), options);
  const bool is_limited = !options.all && !options.json && wanted.size() > default_limit;
  const std::size_t n_shown = is_limited ? default_limit : wanted.size();
  run.n_left_out = wanted.size() - n_shown;

  CommandResult result;
  for (std::size_t i = 0; i < n_shown; ++i) {
    run.metrics.push_back(read_metric(reader, wanted[i], options));
    const std::string& error = run.metrics.back().error;
    if (error.empty()) continue;
    result.errors.push_back(error);
    result.exit_code = exit_unreadable;
  }
  result.output = options.json ? show_as_json(run, options) : show_as_text(run, options);
  return result;
}

}  // namespace ranklog::tool
