// What happens when a rank that others wait for falls silent.
#pragma once

#include <chrono>
#include <cstdint>

namespace ranklog {

// After the report. A rank that has gone on without another never waits for it again once a
// flush() or end_training() was closed without it.
enum class WatchdogPolicy : std::uint8_t {
  wait,      // go on waiting; said again when the rank comes back
  carry_on,  // rows settle without it; flush() and end_training() end without it
  abort,     // finish the trackers as failed where that is possible, then MPI_Abort
};

// Silent is a rank that has made no call to ranklog for `time` while rows, or ranks in log(),
// flush() or end_training(), wait for it. As long as nobody waits, silence is no matter. Checked
// inside calls to ranklog: no thread is started. Must be the same on all ranks.
struct WatchdogOptions {
  std::chrono::milliseconds time{60'000};  // 0: no watchdog
  WatchdogPolicy policy = WatchdogPolicy::wait;
};

}  // namespace ranklog
