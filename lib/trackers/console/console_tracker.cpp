#include "trackers/console/console_tracker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "ranklog/error.hpp"
#include "trackers/console/console_line.hpp"
#include "trackers/support/run_output.hpp"

namespace ranklog::trackers {
namespace {

constexpr std::string_view tracker_name = "console";

}  // namespace

ConsoleTracker::ConsoleTracker(std::FILE* stream, std::function<Clock::time_point()> now)
    : stream_(stream), now_(std::move(now)) {}

void ConsoleTracker::start(const TrackerContext& context) {
  tracking::OptionReader options(tracker_name, context.options);
  const double seconds = options.number("interval_s", 1.0);
  options.reject_unknown();
  constexpr double max_s = 86400;
  if (!(seconds >= 0 && seconds <= max_s)) {
    throw UsageError(
        fmt::format("tracker 'console': option 'interval_s' is {}; use 0 to {}", seconds, max_s));
  }
  interval_ = std::chrono::duration<double>(seconds);
}

void ConsoleTracker::log(const Record& record, const Config& options) {
  for (const Metric& metric : record.metrics) {
    const auto [found, is_new] = index_of_.try_emplace(metric.key(), waiting_.size());
    if (is_new) waiting_.emplace_back();
    Waiting& waiting = waiting_[found->second];
    waiting.step = record.row_step;
    waiting.metric = metric;
  }
  report_if_due();
  support::reject_log_options(tracker_name, options);
}

void ConsoleTracker::flush() { report_if_due(); }

void ConsoleTracker::finish(const RunOutcome&) { report(); }

void ConsoleTracker::report_if_due() {
  if (!waiting_.empty() && now_() >= next_report_) report();
}

void ConsoleTracker::report() {
  if (waiting_.empty()) return;
  next_report_ = now_() + std::chrono::duration_cast<Clock::duration>(interval_);
  std::stable_sort(waiting_.begin(), waiting_.end(),
                   [](const Waiting& a, const Waiting& b) { return a.step < b.step; });
  std::string text;
  std::vector<std::string> metrics;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    metrics.push_back(console_metric(waiting_[i].metric));
    if (i + 1 < waiting_.size() && waiting_[i + 1].step == waiting_[i].step) continue;
    text += console_lines(waiting_[i].step, metrics);
    metrics.clear();
  }
  waiting_.clear();
  index_of_.clear();
  // One call, so that the lines of other writers of this process do not fall in between.
  const std::size_t n_written = std::fwrite(text.data(), 1, text.size(), stream_);
  if (n_written == text.size() && std::fflush(stream_) == 0) return;
  const int error = errno;
  std::clearerr(stream_);
  throw IoError(
      fmt::format("cannot print to standard output: {}", std::generic_category().message(error)));
}

std::unique_ptr<GeneralTracker> make_console_tracker() {
  return std::make_unique<ConsoleTracker>();
}

}  // namespace ranklog::trackers
