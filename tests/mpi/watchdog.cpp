// What the watchdog leaves alone, and ranks that are there but do not flush. Ranks that are really
// missing: tests/faults.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "mpi/mpi_test.hpp"
#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"
#include "support/captured_stderr.hpp"

using ranklog::Accelerator;
using ranklog::MemoryTracker;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;
using ranklog::test_support::CapturedStderr;
using std::chrono::milliseconds;

namespace {

// Longer than a machine with other things to do keeps a rank waiting.
constexpr milliseconds watchdog_time{1200};

// Runs `body` between init_trackers and end_training; what this rank wrote to stderr.
template <class F>
std::string stderr_of(F body) {
  const CapturedStderr captured;
  Accelerator accelerator({.log_with = std::make_shared<MemoryTracker>(),
                           .flush_interval = milliseconds(100),
                           .watchdog = {.time = watchdog_time}});
  accelerator.init_trackers("watchdog");
  body(accelerator);
  accelerator.end_training();
  return captured.text();
}

void log_for(Accelerator& accelerator, milliseconds duration) {
  const auto end = std::chrono::steady_clock::now() + duration;
  for (int step = 0; std::chrono::steady_clock::now() < end; ++step) {
    accelerator.log({{"a", 1.0}}, step);
    std::this_thread::sleep_for(milliseconds(10));
  }
}

}  // namespace

TEST_CASE("a long step on all ranks is not reported") {
  const auto text = stderr_of([](Accelerator& accelerator) {
    for (int step = 0; step < 20; ++step) {
      accelerator.log({{"a", 1.0}}, step);
      if (step == 10) std::this_thread::sleep_for(2 * watchdog_time);
    }
  });
  CHECK(text == "");
}

TEST_CASE("that rank 0 alone logs, for longer than the watchdog's time, is not reported") {
  const auto text = stderr_of([](Accelerator& accelerator) {
    if (accelerator.is_main_process()) log_for(accelerator, 2 * watchdog_time);
  });
  CHECK(text == "");
}

TEST_CASE("a rank that logs on while others wait in flush is named by the one that waits for it") {
  if (world_size() == 1) return;
  const int last = world_size() - 1;
  const auto text = stderr_of([](Accelerator& accelerator) {
    if (accelerator.is_last_process()) log_for(accelerator, watchdog_time + milliseconds(3200));
    accelerator.flush();
  });
  const auto expected = "rank " + std::to_string(world_rank()) + " waits in flush() for rank " +
                        std::to_string(last) + ", which was last seen at step ";
  const int parent_of_last = last - (last & -last);
  CHECK((text.find(expected) != std::string::npos) == (world_rank() == parent_of_last));
}
