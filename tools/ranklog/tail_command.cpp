// `ranklog tail`: the newest rows of a run, and the next ones while a job writes it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "tools/ranklog/commands.hpp"
#include "tools/ranklog/json_text.hpp"
#include "tools/ranklog/numbers.hpp"
#include "tools/ranklog/run_access.hpp"

namespace ranklog::tool {
namespace {

constexpr int digits = 6;
constexpr std::int64_t max_rows_at_once = 65536;  // of one key

struct Cell {
  std::int64_t step = 0;
  double time = 0;
  std::string key;
  std::string text;
  Json json;
};

Columns columns_of_rows() { return Columns::time | Columns::value; }

Cell cell_of(const Series& series, std::size_t row, Charset charset) {
  Cell cell{series.step[row], series.time[row], series.info.key, {}, {}};
  if (series.info.kind == Kind::text) {
    cell.json = series.text[row];
    cell.text = printable(series.text[row], charset);
  } else if (!series.integers.empty()) {
    cell.json = series.integers[row];
    cell.text = fmt::format("{}", series.integers[row]);
  } else {
    cell.json = to_json(series.value[row]);
    cell.text = format_number(series.value[row], digits);
  }
  return cell;
}

// One line for each step, its keys in the order of the run. A key that comes again at a step
// begins another line.
std::string lines_of(std::vector<Cell> cells, const TailOptions& options) {
  std::stable_sort(cells.begin(), cells.end(),
                   [](const Cell& a, const Cell& b) { return a.step < b.step; });
  std::string out;
  for (std::size_t i = 0; i < cells.size();) {
    Json values = Json::object();
    std::string line = fmt::format("{}", cells[i].step);
    const Cell& first = cells[i];
    for (; i < cells.size() && cells[i].step == first.step && !values.contains(cells[i].key); ++i) {
      line +=
          fmt::format("  {}={}", printable(cells[i].key, options.layout.charset), cells[i].text);
      values[cells[i].key] = std::move(cells[i].json);
    }
    if (options.json) {
      line = Json{{"step", first.step}, {"time", to_json(first.time)}, {"values", values}}.dump(
          -1, ' ', true, Json::error_handler_t::replace);
    }
    out += line + "\n";
  }
  return out;
}

// Remembers for each key how many of its rows were shown.
class Tail {
 public:
  Tail(RunReader& run, const TailOptions& options) : run_(run), options_(options) {
    check_keys();
    attempt_ = run_.attempts().back().number;
    for (const SeriesInfo& info : wanted()) {
      n_seen_[info.key] = std::max<std::int64_t>(info.n_rows - options_.n_rows, 0);
    }
  }

  // The lines that came since the last call.
  [[nodiscard]] std::string take() {
    std::string out = note_new_attempt();
    std::vector<Cell> cells;
    for (const SeriesInfo& info : wanted()) {
      std::int64_t& n_seen = n_seen_[info.key];
      if (info.n_rows <= n_seen) continue;
      const Series series =
          run_.read(info.key, {.columns = columns_of_rows(),
                               .rows = {.first = n_seen, .end = n_seen + max_rows_at_once}});
      for (std::size_t row = 0; row < series.step.size(); ++row) {
        cells.push_back(cell_of(series, row, options_.layout.charset));
      }
      n_seen += static_cast<std::int64_t>(series.step.size());
      has_more_ = has_more_ || info.n_rows > n_seen;
    }
    return out + lines_of(std::move(cells), options_);
  }
  // True once if take() left rows for the next call.
  [[nodiscard]] bool has_more() { return std::exchange(has_more_, false); }

 private:
  void check_keys() const {
    const auto series = run_.series();
    for (const std::string& key : options_.keys) {
      const bool is_there = std::any_of(series.begin(), series.end(),
                                        [&](const SeriesInfo& one) { return one.key == key; });
      // A job that runs may still log it.
      if (!is_there && !options_.follow) {
        throw UsageError(fmt::format("the run has no metric '{}'; ranklog show lists them", key));
      }
    }
  }

  [[nodiscard]] std::vector<SeriesInfo> wanted() const {
    std::vector<SeriesInfo> series = run_.series();
    std::erase_if(series, [&](const SeriesInfo& one) {
      return !options_.keys.empty() &&
             std::find(options_.keys.begin(), options_.keys.end(), one.key) == options_.keys.end();
    });
    return series;
  }

  // Rows of earlier attempts from that step on are gone, so they do not count as shown.
  [[nodiscard]] std::string note_new_attempt() {
    const auto attempts = run_.attempts();
    const AttemptInfo& newest = attempts.back();
    if (std::exchange(attempt_, newest.number) == newest.number) return {};
    const std::int64_t from = newest.from_step.value_or(0);
    for (auto& [key, n_seen] : n_seen_) {
      const Series left = run_.read(key, {.columns = Columns{}, .steps = StepRange{0, from - 1}});
      n_seen = std::min(n_seen, static_cast<std::int64_t>(left.step.size()));
    }
    if (options_.json) return Json{{"attempt", newest.number}, {"from_step", from}}.dump() + "\n";
    return fmt::format("-- attempt {} goes on from step {}\n", newest.number, from);
  }

  RunReader& run_;
  const TailOptions& options_;
  std::map<std::string, std::int64_t> n_seen_;
  std::int32_t attempt_ = 0;
  bool has_more_ = false;
};

}  // namespace

CommandResult run_tail(const TailOptions& options, const Writer& write) {
  RunReader run(find_run_file(options.run));
  Tail tail(run, options);
  while (true) {
    // Asked first: what came before the end of the run is shown before tail ends.
    const bool is_running = run.info().status == "running";
    do {
      if (!write(tail.take())) return {};
    } while (tail.has_more());
    if (!options.follow || !is_running) return {};
    std::this_thread::sleep_for(std::chrono::duration<double>(options.interval_s));
  }
}

}  // namespace ranklog::tool
