// Order::reproducible over real MPI: the expected bits do not know how many ranks there are.
#include <doctest/doctest.h>

#include "mpi/mpi_test.hpp"
#include "support/reproducible_run.hpp"

using namespace ranklog;                // NOLINT: a test
using namespace ranklog::test_support;  // NOLINT: a test

TEST_CASE("10,000 logged draws have the bits that they have on any number of ranks") {
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = {memory}});
  accelerator.init_trackers("reproducible");
  log_reproducible_draws(accelerator);
  accelerator.end_training();
  if (mpi_test::world_rank() != 0) return;
  CHECK(n_right_draws(*memory, expected_metrics()) == n_reproducible_draws);
}
