// A signal on one rank stops all ranks in the same call of should_stop().
#include <doctest/doctest.h>
#include <mpi.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "mpi/mpi_test.hpp"
#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"
#include "support/agreed_error.hpp"

using ranklog::Accelerator;
using ranklog::MemoryTracker;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;
using ranklog::test_support::agreed_error;

namespace {

volatile sig_atomic_t n_own = 0;
void own_handler(int) { n_own = n_own + 1; }

// Puts SIGTERM to the system's default for a test: doctest has a handler of its own, which ranklog
// calls too, and which ends the program.
class WithoutHandler {
 public:
  WithoutHandler() {
    struct sigaction none {};
    none.sa_handler = SIG_DFL;
    REQUIRE(sigaction(SIGTERM, &none, &before_) == 0);
  }
  ~WithoutHandler() { sigaction(SIGTERM, &before_, nullptr); }
  WithoutHandler(const WithoutHandler&) = delete;
  WithoutHandler& operator=(const WithoutHandler&) = delete;

 private:
  struct sigaction before_ {};
};

// The step at which this rank was told to stop; all must say the same.
void check_stopped_together(std::int64_t step) {
  std::int64_t least = step, most = step;
  MPI_Allreduce(MPI_IN_PLACE, &least, 1, MPI_INT64_T, MPI_MIN, MPI_COMM_WORLD);
  MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
  CHECK(least == most);
}

}  // namespace

TEST_CASE("a signal on any one rank stops all at the same step, and all rows are kept") {
  const WithoutHandler sigterm;
  for (const int number : {SIGTERM, SIGUSR1}) {
    for (int target = 0; target < world_size(); target += std::max(world_size() - 1, 1)) {
      const auto memory = std::make_shared<MemoryTracker>();
      Accelerator accelerator({.log_with = memory, .stop_on_signals = {SIGTERM, SIGUSR1}});
      accelerator.init_trackers("stop");
      constexpr std::int64_t signalled_at = 20;
      std::int64_t step = 0;
      for (; step < 10'000; ++step) {
        accelerator.log({{"loss", 1.0}}, step);
        if (step == signalled_at && world_rank() == target) kill(getpid(), number);
        if (accelerator.should_stop()) break;
      }
      CHECK(step >= signalled_at);
      CHECK(step < 10'000);
      check_stopped_together(step);
      CHECK(accelerator.should_stop());
      accelerator.end_training();
      if (world_rank() == 0) {
        REQUIRE(memory->records().size() == static_cast<std::size_t>(step + 1));
        CHECK(memory->records().back().metrics.front().statistics.count == world_size());
        REQUIRE(memory->outcome());
        CHECK(memory->outcome()->status == ranklog::RunStatus::completed);
        CHECK(memory->outcome()->reason == "a signal asked the job to stop, and it did");
      }
    }
  }
}

TEST_CASE("a rank can ask for the stop itself, which is no reason to remember") {
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory});
  accelerator.init_trackers("stop");
  CHECK_FALSE(accelerator.should_stop());
  if (world_rank() == world_size() - 1) accelerator.request_stop();
  CHECK(accelerator.should_stop());
  accelerator.end_training();
  if (world_rank() == 0) CHECK(memory->outcome()->reason.empty());
}

TEST_CASE("the program's own handler runs, and is back after end_training") {
  struct sigaction own {};
  own.sa_handler = own_handler;
  struct sigaction before {};
  REQUIRE(sigaction(SIGUSR2, &own, &before) == 0);
  n_own = 0;
  Accelerator accelerator(
      {.log_with = std::make_shared<MemoryTracker>(), .stop_on_signals = {SIGUSR2}});
  accelerator.init_trackers("stop");
  kill(getpid(), SIGUSR2);
  CHECK(n_own == 1);
  CHECK(accelerator.should_stop());
  accelerator.end_training();
  struct sigaction now {};
  REQUIRE(sigaction(SIGUSR2, &before, &now) == 0);
  CHECK((now.sa_handler == own_handler));
}

TEST_CASE("a signal that cannot be caught is the same error on all ranks") {
  const auto thrown = agreed_error([] {
    const Accelerator accelerator(
        {.log_with = std::make_shared<MemoryTracker>(), .stop_on_signals = {SIGKILL}});
  });
  CHECK(thrown.code == ranklog::ErrorCode::usage);
}
