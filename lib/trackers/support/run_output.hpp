// What the trackers that write into the run directory have in common: where they write, and the
// option that says how often.
#pragma once

#include <chrono>
#include <filesystem>
#include <string_view>

#include "ranklog/tracker.hpp"
#include "tracking/tracker_options.hpp"

namespace ranklog::trackers::support {

// Errors: MissingLoggingDirError naming the tracker when the context has no run directory.
[[nodiscard]] const std::filesystem::path& require_run_dir(std::string_view tracker,
                                                           const TrackerContext& context);

// Option `flush_interval_s`, 0.05 to 3600, default 1. Errors: UsageError outside of that.
[[nodiscard]] std::chrono::duration<double> read_flush_interval(std::string_view tracker,
                                                                tracking::OptionReader& options);

// For trackers without options per call. Errors: UsageError naming the first option.
void reject_log_options(std::string_view tracker, const Config& options);

// Seconds since the epoch, now.
[[nodiscard]] double now_s();
// When the run began or ended: as the context or the outcome says, else now.
[[nodiscard]] double start_s(const TrackerContext& context);
[[nodiscard]] double end_s(const RunOutcome& outcome);

}  // namespace ranklog::trackers::support
