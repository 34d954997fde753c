// Where a delivery goes on.
#pragma once

#include <cstdint>

#include "ranklog/run_reader.hpp"
#include "sync/replay.hpp"
#include "tracking/delivery_state.hpp"

namespace ranklog::sync {

struct ResumePoint {
  Position delivered;  // the rows that are known to have arrived
  // A tracker that drops what it has from this step on is given the rows behind `kept`: all at
  // from_step and later. That is the newest step of which something arrived, if it is lower than
  // all that is left, because its rows may have been cut in two.
  std::int64_t from_step = 0;
  Position kept;
  bool has_all = false;  // nothing is left to deliver
};

// What `state` says, less what later attempts at the run replaced.
[[nodiscard]] ResumePoint find_resume_point(const RunReader& run,
                                            const tracking::DeliveryState& state);

}  // namespace ranklog::sync
