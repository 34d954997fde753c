// Two trackers of one's own. The first is registered by name, lives on rank 0 and turns what the
// ranks logged together into a table. The second is given as an instance, lives on every rank and
// sees what that rank alone logged.
//   mpirun -n 4 04_custom_tracker --project-dir runs
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <fstream>
#include <limits>
#include <memory>
#include <ranklog/ranklog.hpp>
#include <string>
#include <vector>

#include "common/options.hpp"

namespace {

// Writes <run directory>/summary.csv when the run ends: one line a key.
class SummaryTracker final : public ranklog::GeneralTracker {
 public:
  [[nodiscard]] std::string name() const override { return "summary"; }
  [[nodiscard]] bool requires_logging_directory() const override { return true; }

  // Open files and connections here: the constructor may run where nothing will be logged.
  void start(const ranklog::TrackerContext& context) override {
    file_.exceptions(std::ios::badbit | std::ios::failbit);  // a failure must not go unseen
    file_.open(context.run_dir / "summary.csv");
  }

  void store_init_configuration(const ranklog::Config& config) override {
    for (const ranklog::ConfigItem& item : ranklog::flatten(config)) {
      file_ << fmt::format("# {} = {}\n", item.key, ranklog::to_text(item.value));
    }
  }

  // One call a row. A metric carries its single number and the statistics of the ranks behind it.
  void log(const ranklog::Record& record, const ranklog::Config&) override {
    for (const ranklog::Metric& metric : record.metrics) {
      if (!metric.is_number()) continue;
      Line& line = line_of(metric.key());
      line.n_rows += 1;
      line.n_values += metric.statistics.count;
      line.lowest = std::min(line.lowest, metric.statistics.min);
      line.highest = std::max(line.highest, metric.statistics.max);
      line.last = metric.value;
    }
  }

  void finish(const ranklog::RunOutcome& outcome) override {
    file_ << fmt::format("# status = {}\nkey,rows,values,min,max,last\n",
                         ranklog::to_string(outcome.status));
    for (const Line& line : lines_) {
      file_ << fmt::format("{},{},{},{},{},{}\n", line.key, line.n_rows, line.n_values, line.lowest,
                           line.highest, line.last);
    }
    file_.close();
  }

  // What get_tracker("summary").unwrap<SummaryTracker>() returns.
  [[nodiscard]] ranklog::NativeHandle native() override { return ranklog::native_handle(*this); }

  [[nodiscard]] std::size_t n_keys() const { return lines_.size(); }

 private:
  struct Line {
    std::string key;
    std::int64_t n_rows = 0;
    std::int64_t n_values = 0;
    double lowest = std::numeric_limits<double>::infinity();
    double highest = -std::numeric_limits<double>::infinity();
    double last = 0;
  };

  Line& line_of(const std::string& key) {
    const auto found = std::find_if(lines_.begin(), lines_.end(),
                                    [&key](const Line& line) { return line.key == key; });
    return found != lines_.end() ? *found : lines_.emplace_back(Line{.key = key});
  }

  std::ofstream file_;
  std::vector<Line> lines_;  // in the order of first appearance
};

// Counts the values that this rank logged. It writes nothing, so it needs no directory.
class CountingTracker final : public ranklog::GeneralTracker {
 public:
  [[nodiscard]] std::string name() const override { return "counter"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  [[nodiscard]] bool main_process_only() const override { return false; }
  void log(const ranklog::Record& record, const ranklog::Config&) override {
    n_values_ += static_cast<std::int64_t>(record.metrics.size());
  }
  [[nodiscard]] std::int64_t n_values() const { return n_values_; }

 private:
  std::atomic<std::int64_t> n_values_ = 0;  // log() runs on ranklog's writer thread
};

void run(const example::Options& options) {
  ranklog::register_tracker_class<SummaryTracker>();  // on every rank, before the Accelerator
  const auto counter = std::make_shared<CountingTracker>();

  ranklog::Accelerator accelerator(
      {.log_with = {"summary", counter}, .project_dir = options.text("--project-dir", "runs")});
  accelerator.init_trackers("custom", {{"n_steps", 12}, {"wave", {{"height", 0.5}}}},
                            {.run_name = options.text("--run-name", "")});

  const int rank = accelerator.process_index();
  for (int step = 0; step < 12; ++step) {
    accelerator.log({{"height", 0.5 * step + rank}}, step);
    // A key may come from some ranks only, and less often from one than from another.
    if (step % (rank + 1) == 0) accelerator.log({{"visits", ranklog::sum(1)}}, step);
  }

  accelerator.flush();  // everything is with the trackers now, on every rank
  if (const auto* summary = accelerator.get_tracker("summary").unwrap<SummaryTracker>()) {
    accelerator.print("summary of {} keys", summary->n_keys());  // null on ranks above 0
  }
  const std::vector<std::int64_t> n_values = accelerator.gather(counter->n_values());
  for (std::size_t r = 0; r < n_values.size(); ++r) {
    accelerator.print("rank {} logged {} values", r, n_values[r]);
  }
  accelerator.end_training();
  accelerator.print("run directory: {}", accelerator.run_directory());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run({argc, argv, {"--project-dir", "--run-name"}});
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "04_custom_tracker: {}\n", error.what());
    return 1;
  }
}
