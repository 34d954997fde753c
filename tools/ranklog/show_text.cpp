// `ranklog show` for people: what the run is, its metrics, and what deserves a second look.
#include <fmt/format.h>

#include <algorithm>

#include "ranklog/config.hpp"
#include "tools/ranklog/numbers.hpp"
#include "tools/ranklog/run_access.hpp"
#include "tools/ranklog/run_status.hpp"
#include "tools/ranklog/shown_run.hpp"
#include "tools/ranklog/table.hpp"

namespace ranklog::tool {
namespace {

constexpr std::size_t indent = 10;  // columns of the labels of the header
constexpr std::size_t max_config_lines = 6;
constexpr std::size_t max_config_value = 40;  // columns
constexpr std::size_t max_nan_notes = 5;
constexpr std::size_t least_key_width = 14;

std::string header_line(std::string_view label, std::string_view text, const Layout& layout) {
  const std::size_t room = layout.width > indent ? layout.width - indent : 0;
  return pad(label, indent, Align::left) +
         shorten_middle(printable(text, layout.charset), room, layout.charset) + "\n";
}

// "8 on 2 hosts: node1, node2", with as many hosts as fit in `width`.
std::string describe_ranks(const ShownRun& run, std::size_t width) {
  const auto hosts = hosts_of(run.provenance);
  std::string text = fmt::format("{}", run.info.n_ranks);
  if (hosts.empty()) return text;
  if (hosts.size() == 1) return fmt::format("{} on {}", text, short_host(hosts.front()));
  text += fmt::format(" on {} hosts: {}", hosts.size(), short_host(hosts.front()));
  for (std::size_t i = 1; i < hosts.size(); ++i) {
    const std::string rest = fmt::format(" and {} more", hosts.size() - i);
    const std::string next = ", " + short_host(hosts[i]);
    if (display_width(text) + display_width(next) + rest.size() > width) return text + rest;
    text += next;
  }
  return text;
}

std::string config_entry(const ConfigItem& item, const Layout& layout) {
  const std::string value = printable(to_text(item.value), layout.charset);
  return fmt::format("{}={}", printable(item.key, layout.charset),
                     shorten_end(value, max_config_value, layout.charset));
}

// Entries filled into lines, the rest only counted.
std::string config_lines(const Config& config, const Layout& layout) {
  const auto items = flatten(config);
  const std::size_t room = layout.width > indent ? layout.width - indent : 1;
  std::vector<std::string> lines;
  std::size_t n_taken = 0;
  for (; n_taken < items.size(); ++n_taken) {
    const std::string entry =
        shorten_middle(config_entry(items[n_taken], layout), room, layout.charset);
    const bool fits =
        !lines.empty() && display_width(lines.back()) + 2 + display_width(entry) <= room;
    if (fits) {
      lines.back() += "  " + entry;
    } else if (lines.size() < max_config_lines) {
      lines.push_back(entry);
    } else {
      break;
    }
  }
  if (n_taken < items.size()) {
    lines.push_back(fmt::format("and {} more; --json has all", items.size() - n_taken));
  }
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    out += pad(i == 0 ? "config" : "", indent, Align::left) + lines[i] + "\n";
  }
  return out;
}

std::string header(const ShownRun& run, const ShowOptions& options) {
  const Layout& layout = options.layout;
  const RunInfo& info = run.info;
  const std::size_t room = layout.width > indent ? layout.width - indent : 0;
  std::string out;
  out += header_line("run", info.project + " / " + info.run_name, layout);
  out += header_line("status", describe_status(info.status, run.quiet_s), layout);
  out += header_line("ranks", describe_ranks(run, room), layout);
  out += header_line("last step", info.last_step ? fmt::format("{}", *info.last_step) : "none yet",
                     layout);
  out += header_line("duration", format_duration(info.duration_s), layout);
  out += header_line("created", info.created, layout);
  out += header_line("path", run.path, layout);
  if (!options.no_config) out += config_lines(run.config, layout);
  return out;
}

std::string text_table(const ShownRun& run, const Layout& layout) {
  Table table;
  table.columns = {{"TEXT", Align::left, least_key_width, 0},
                   {"STEP", Align::right, 0, 1},
                   {"LAST", Align::left, 20, 0}};
  for (const ShownMetric& metric : run.metrics) {
    const MetricSummary& summary = metric.summary;
    if (summary.info.kind != Kind::text) continue;
    const std::string key = printable(summary.info.key, layout.charset);
    if (!metric.error.empty()) {
      table.rows.push_back(
          {key, "unreadable: " + printable(reason_of(metric.error, run.path), layout.charset)});
      continue;
    }
    const auto step = summary.last_step ? fmt::format("{}", *summary.last_step) : "-";
    table.rows.push_back({key, step, printable(summary.last_text, layout.charset)});
  }
  if (table.rows.empty()) return {};
  return "\n" + render(table, layout.width, layout.charset);
}

// ": NaN in 3 of 100 rows, first at step 40 on rank 2 (node1)"; without the host if that is too
// long for `width`.
std::string describe_nan(const ShownRun& run, const MetricSummary& summary, std::size_t width) {
  std::string text = fmt::format(": NaN in {} of {} rows, first at step {}", summary.n_nan_rows,
                                 summary.info.n_rows, summary.first_nan_step.value_or(0));
  if (!summary.first_nan_rank) return text;
  text += fmt::format(" on rank {}", *summary.first_nan_rank);
  const std::string host = short_host(host_of(run.provenance, *summary.first_nan_rank));
  const bool fits = display_width(text) + display_width(host) + 3 <= width;
  return host.empty() || !fits ? text : fmt::format("{} ({})", text, host);
}

// A NaN that a mean passed over, or that lies far back, must still be seen.
std::string nan_notes(const ShownRun& run, const Layout& layout) {
  std::string out;
  std::size_t n_metrics = 0;
  for (const ShownMetric& metric : run.metrics) {
    const MetricSummary& summary = metric.summary;
    if (summary.n_nan_rows == 0 || ++n_metrics > max_nan_notes) continue;
    const std::string key = printable(summary.info.key, layout.charset);
    const std::size_t key_width = std::min(display_width(key), least_key_width);
    const std::size_t room = layout.width > key_width ? layout.width - key_width : 0;
    const std::string where = printable(describe_nan(run, summary, room), layout.charset);
    const std::size_t used = display_width(where);
    const std::size_t rest = layout.width > used ? layout.width - used : 0;
    out += shorten_middle(key, std::max(rest, least_key_width), layout.charset) + where + "\n";
  }
  if (n_metrics > max_nan_notes) {
    out += fmt::format("and {} more metrics with NaN\n", n_metrics - max_nan_notes);
  }
  return out.empty() ? out : "\n" + out;
}

}  // namespace

std::string show_as_text(const ShownRun& run, const ShowOptions& options) {
  std::string out = header(run, options);
  if (run.metrics.empty()) return out + "\nno metrics recorded yet\n";
  const std::string numbers = metric_table(run, options.layout);
  if (!numbers.empty()) out += "\n" + numbers;
  out += text_table(run, options.layout);
  out += nan_notes(run, options.layout);
  if (run.n_left_out > 0) {
    out += fmt::format("\n{} more metrics: --all shows them, --metrics PATTERN picks some\n",
                       run.n_left_out);
  }
  return out;
}

}  // namespace ranklog::tool
