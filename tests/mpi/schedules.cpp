// Random schedules of who logs what, when, over real MPI: nobody hangs, no value is lost or
// counted twice. Together the runs at 1, 2, 3, 4 and 8 ranks make 1,000 schedules.
#include "support/schedule.hpp"

#include <doctest/doctest.h>

#include "mpi/mpi_test.hpp"
#include "support/captured_stderr.hpp"

using ranklog::Communicator;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;
using namespace ranklog::test_support;  // NOLINT: a test

namespace {

// Ranks that share cores take longer.
std::uint32_t n_schedules() {
  if (world_size() <= 2) return 300;
  if (world_size() == 3) return 200;
  return world_size() == 4 ? 150 : 50;
}

}  // namespace

TEST_CASE("random schedules on all ranks give the rows that follow from them") {
  const CapturedStderr captured;  // what is said of values that came after a flush
  for (std::uint32_t k = 0; k < n_schedules(); ++k) {
    const auto seed = 10'000 * static_cast<std::uint32_t>(world_size()) + k;
    const auto schedule = random_schedule(seed, world_size());
    const auto memory = run_schedule(schedule, Communicator::world());
    CAPTURE(seed);
    if (world_rank() == 0) CHECK(recorded_rows(*memory) == expected_rows(schedule));
  }
}

TEST_CASE("random schedules of two groups at once keep to themselves") {
  const CapturedStderr captured;
  const auto everybody = Communicator::world();
  for (std::uint32_t k = 0; k < 20; ++k) {
    auto part = everybody.split(world_rank() % 2);
    const auto seed = 2 * k + static_cast<std::uint32_t>(world_rank() % 2);
    const auto schedule = random_schedule(seed, part.size());
    const bool is_first = part.rank() == 0;
    const auto memory = run_schedule(schedule, std::move(part));
    CAPTURE(seed);
    if (is_first) CHECK(recorded_rows(*memory) == expected_rows(schedule));
  }
}
