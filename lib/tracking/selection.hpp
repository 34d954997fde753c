// Turns `log_with` into trackers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ranklog/tracker.hpp"
#include "tracking/registry.hpp"

namespace ranklog::tracking {

struct Selected {
  std::string name;
  std::shared_ptr<GeneralTracker> tracker;
  bool is_instance = false;  // given as an object, so without an entry in tracker_options
};

struct ResolvedSelection {
  std::vector<Selected> trackers;
  std::string note;  // what `"all"` left out; empty otherwise
};

// Order: instances before names when `"all"` is present, else as given; repeated names count once.
// Errors: UnknownTrackerError, TrackerUnavailableError, MissingLoggingDirError; the same on every
// rank that passes the same selection.
// `left_out`: what `"all"` does not select here.
[[nodiscard]] ResolvedSelection resolve(const TrackerSelection& selection, bool has_logging_dir,
                                        const LeftOut& left_out = left_out_of_all());

}  // namespace ranklog::tracking
