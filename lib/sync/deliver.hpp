// Replays a recorded run into a tracker: what `ranklog sync` does with each run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ranklog/config.hpp"

namespace ranklog::sync {

struct Progress {
  std::int64_t n_rows = 0;        // given to the tracker
  std::int64_t n_cells_done = 0;  // keys times rows, of n_cells
  std::int64_t n_cells = 0;
};

struct DeliveryOptions {
  std::string tracker;
  Config tracker_options;
  std::filesystem::path into;         // trackers write below this; empty: into the run's folder
  std::optional<std::int64_t> since;  // only rows at this step and later
  bool follow = false;                // until the run has ended
  bool dry_run = false;               // changes nothing and asks no server
  double interval_s = 1;              // between two looks at a run that is followed
  std::optional<double> rows_per_s;   // 0: no limit; default: 5000 for servers, none for files
  double timeout_s = 0;               // of one call that waits for a server; 0: none
  std::function<bool()> should_stop;  // asked often, from any thread
  std::function<void(const Progress&)> report_progress;
};

struct DeliveryReport {
  std::int64_t n_rows = 0;  // that were given to the tracker, or would be
  std::optional<std::int64_t> first_step, last_step;
  bool has_all = false;  // the tracker has every row that the file has
  bool was_resumed = false;
  bool is_run_going = false;  // more may come
  std::vector<std::string> problems;
};

// What was delivered stands in a file beside the run (tracking/delivery_state.hpp). May be killed
// at any instant and repeated. One delivery of a run to a tracker at a time.
// Errors: those of RunReader; UsageError, UnknownTrackerError, TrackerUnavailableError;
// RunExistsError if the job wrote such files itself; RunInUseError; TrackerFailedError; IoError.
[[nodiscard]] DeliveryReport deliver(const std::filesystem::path& run_file,
                                     const DeliveryOptions& options);

}  // namespace ranklog::sync
