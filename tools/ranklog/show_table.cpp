// The table of `ranklog show`: as much of every number as the width allows.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/ranklog/numbers.hpp"
#include "tools/ranklog/run_access.hpp"
#include "tools/ranklog/shown_run.hpp"
#include "tools/ranklog/table.hpp"

namespace ranklog::tool {
namespace {

// How much is said, from the fullest to the tightest.
struct Detail {
  int digits;
  bool has_share;  // in how many of the compared rows the worst rank was the worst
};
constexpr std::array<Detail, 4> details{{{6, true}, {5, true}, {4, true}, {4, false}}};

constexpr std::size_t comfortable_key_width = 24;

std::string worst_cell(const ShownRun& run, const WorstRank& worst, const Detail& detail,
                       Charset charset) {
  std::string cell = fmt::format("{}", worst.rank);
  const std::string host = short_host(host_of(run.provenance, worst.rank));
  if (!host.empty()) cell += " " + printable(host, charset);
  if (detail.has_share) {
    const double share =
        static_cast<double>(worst.n_rows_held) / static_cast<double>(worst.n_rows_compared);
    cell += fmt::format(" {}%", static_cast<int>(std::floor(100 * share)));
  }
  return cell;
}

struct Presence {
  bool worst = false;
  bool unit = false;
};

Presence presence_of(const ShownRun& run) {
  Presence presence;
  for (const ShownMetric& metric : run.metrics) {
    presence.worst = presence.worst || metric.summary.worst.has_value();
    presence.unit = presence.unit || !metric.summary.info.unit.empty();
  }
  return presence;
}

std::vector<Column> columns_for(const Presence& presence) {
  std::vector<Column> columns = {{"METRIC", Align::left, 14, 0},
                                 {"LAST", Align::right, 0, 0},
                                 {"MEAN", Align::right, 0, 4},
                                 {"MIN", Align::right, 0, 3},
                                 {"MAX", Align::right, 0, 3}};
  if (presence.worst) columns.push_back({"WORST", Align::left, 8, 5});
  columns.push_back({"TREND", Align::left, 0, 2});
  if (presence.unit) columns.push_back({"UNIT", Align::left, 4, 1});
  return columns;
}

// How the table is built; keys are cut at `key_width` to try how wide a table would become.
struct Choice {
  Detail detail;
  std::size_t curve;  // index in curve_widths
  std::size_t key_width;
};

Table build(const ShownRun& run, const Choice& choice, Charset charset) {
  const Presence presence = presence_of(run);
  Table table;
  table.columns = columns_for(presence);
  for (const ShownMetric& metric : run.metrics) {
    const MetricSummary& summary = metric.summary;
    if (summary.info.kind == Kind::text) continue;
    std::vector<std::string> row{
        shorten_middle(printable(summary.info.key, charset), choice.key_width, charset)};
    if (!metric.error.empty()) {
      row.push_back("unreadable: " + printable(reason_of(metric.error, run.path), charset));
      table.rows.push_back(std::move(row));
      continue;
    }
    for (const double number : {summary.last, summary.mean, summary.min, summary.max}) {
      row.push_back(format_number(number, choice.detail.digits));
    }
    if (presence.worst) {
      row.push_back(summary.worst ? worst_cell(run, *summary.worst, choice.detail, charset) : "-");
    }
    row.push_back(metric.curves[choice.curve]);
    if (presence.unit) row.push_back(printable(summary.info.unit, charset));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

std::string metric_table(const ShownRun& run, const Layout& layout) {
  const auto fits = [&](const Choice& choice) {
    return natural_width(build(run, choice, layout.charset)) <= layout.width;
  };
  // Digits go before a key is cut below the comfortable width; curves grow only into spare room.
  Choice choice{details.front(), 0, comfortable_key_width};
  for (const Detail& detail : details) {
    choice.detail = detail;
    if (fits(choice)) break;
  }
  choice.key_width = any_width;
  for (std::size_t curve = 1; curve < curve_widths.size(); ++curve) {
    Choice wider = choice;
    wider.curve = curve;
    if (!fits(wider)) break;
    choice = wider;
  }
  const Table table = build(run, choice, layout.charset);
  return table.rows.empty() ? std::string() : render(table, layout.width, layout.charset);
}

}  // namespace ranklog::tool
