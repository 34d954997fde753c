// Tracker `console`: the newest values on standard output, at most once per interval.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ranklog/tracker.hpp"

namespace ranklog::trackers {

// Values that arrive between two reports wait; a newer value of the same key takes their place,
// so that every key is shown at least once, and its last value at the end.
class ConsoleTracker final : public GeneralTracker {
 public:
  using Clock = std::chrono::steady_clock;

  // The stream is borrowed; tests give their own, and their own time.
  explicit ConsoleTracker(std::FILE* stream = stdout,
                          std::function<Clock::time_point()> now = Clock::now);

  [[nodiscard]] std::string name() const override { return "console"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  void start(const TrackerContext& context) override;
  void log(const Record& record, const Config& options) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;

 private:
  struct Waiting {
    std::int64_t step = 0;
    Metric metric;
  };

  void report_if_due();
  void report();

  std::FILE* stream_;
  std::function<Clock::time_point()> now_;
  std::chrono::duration<double> interval_{1.0};
  Clock::time_point next_report_;  // the epoch at first: the first record is shown at once
  std::vector<Waiting> waiting_;   // one for each key, in the order of arrival
  std::unordered_map<std::string, std::size_t> index_of_;  // in waiting_
};

[[nodiscard]] std::unique_ptr<GeneralTracker> make_console_tracker();

}  // namespace ranklog::trackers
