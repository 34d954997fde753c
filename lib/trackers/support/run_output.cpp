#include "trackers/support/run_output.hpp"

#include <fmt/format.h>

#include "ranklog/error.hpp"

namespace ranklog::trackers::support {

const std::filesystem::path& require_run_dir(std::string_view tracker,
                                             const TrackerContext& context) {
  if (context.run_dir.empty()) {
    throw MissingLoggingDirError(
        fmt::format("tracker '{}' writes files: give project_dir or logging_dir", tracker));
  }
  return context.run_dir;
}

std::chrono::duration<double> read_flush_interval(std::string_view tracker,
                                                  tracking::OptionReader& options) {
  constexpr double min_s = 0.05;
  constexpr double max_s = 3600;
  const double seconds = options.number("flush_interval_s", 1.0);
  if (!(seconds >= min_s && seconds <= max_s)) {
    throw UsageError(fmt::format("tracker '{}': option 'flush_interval_s' is {}; use {} to {}",
                                 tracker, seconds, min_s, max_s));
  }
  return std::chrono::duration<double>(seconds);
}

void reject_log_options(std::string_view tracker, const Config& options) {
  if (!options.empty()) tracking::OptionReader(tracker, options).reject_unknown();
}

double now_s() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

double start_s(const TrackerContext& context) {
  return context.start_time > 0 ? context.start_time : now_s();
}

double end_s(const RunOutcome& outcome) {
  return outcome.end_time > 0 ? outcome.end_time : now_s();
}

}  // namespace ranklog::trackers::support
