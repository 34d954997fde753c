// 1,000 random schedules of who logs what, when, on ranks that are threads: through the front door.
#include <doctest/doctest.h>

#include "ranklog/testing.hpp"
#include "support/captured_stderr.hpp"
#include "support/schedule.hpp"

using namespace ranklog::test_support;  // NOLINT: a test

TEST_CASE("1,000 random schedules at 1 to 8 ranks give the rows that follow from them") {
  const CapturedStderr captured;  // what is said of values that came after a flush
  for (std::uint32_t seed = 0; seed < 1000; ++seed) {
    const int n_ranks = 1 + static_cast<int>(seed % 8);
    const auto schedule = random_schedule(seed, n_ranks);
    ExpectedRows recorded;
    ranklog::testing::run_ranks(n_ranks, [&](ranklog::Communicator comm) {
      const bool is_main = comm.rank() == 0;
      const auto memory = run_schedule(schedule, std::move(comm));
      if (is_main) recorded = recorded_rows(*memory);
    });
    CAPTURE(seed);
    REQUIRE(recorded == expected_rows(schedule));
  }
}
