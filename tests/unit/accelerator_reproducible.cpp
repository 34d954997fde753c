// Order::reproducible through the front door, on in-process ranks.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ranklog/testing.hpp"
#include "support/error_of.hpp"
#include "support/reproducible_run.hpp"

using namespace ranklog;                // NOLINT: a test
using namespace ranklog::test_support;  // NOLINT: a test
using ranklog::testing::run_ranks;

namespace {

constexpr std::int64_t n_steps = 100;

std::shared_ptr<MemoryTracker> run(int n_ranks, const std::function<void(Accelerator&)>& body) {
  auto memory = std::make_shared<MemoryTracker>();
  run_ranks(n_ranks, [&](Communicator comm) {
    const bool is_main = comm.rank() == 0;
    Accelerator accelerator({.log_with = {is_main ? memory : std::make_shared<MemoryTracker>()},
                             .communicator = std::move(comm)});
    accelerator.init_trackers("reproducible");
    body(accelerator);
    accelerator.end_training();
  });
  return memory;
}

}  // namespace

TEST_CASE("10,000 logged draws have the same bits on 1, 2, 3, 5, 8 and 16 ranks") {
  const auto expected = expected_metrics();
  for (const int n_ranks : {1, 2, 3, 5, 8, 16}) {
    CAPTURE(n_ranks);
    const auto memory = run(n_ranks, log_reproducible_draws);
    CHECK(n_right_draws(*memory, expected) == n_reproducible_draws);
  }
}

TEST_CASE("the declaration is in the record, and plain keys beside it stay plain") {
  const auto memory = run(2, [](Accelerator& accelerator) {
    accelerator.define_metric("exact", {.order = Order::reproducible});
    accelerator.log({{"exact", 1.0}, {"plain", 1.0}, {"n", 3}}, 0);
  });
  REQUIRE(memory->records().size() == 1);
  CHECK(memory->series("exact").at(0).info->order == Order::reproducible);
  CHECK(memory->series("exact").at(0).value == 1);
  CHECK(memory->series("plain").at(0).info->order == Order::by_rank);
}

TEST_CASE("values without weight, of one rank alone and integers are added up exactly too") {
  const auto memory = run(3, [](Accelerator& accelerator) {
    accelerator.define_metric("sum", {.reduce = Reduction::sum, .order = Order::reproducible});
    accelerator.define_metric("n", {.order = Order::reproducible});
    const double values[] = {1.7e308, 1.7e308, -1.7e308};
    const auto rank = accelerator.process_index();
    for (std::int64_t step = 0; step < n_steps; ++step) {  // the same keys step after step
      accelerator.log({{"sum", values[rank]}, {"n", std::int64_t{1} << (60 + rank)}}, step);
    }
    if (rank == 2) accelerator.log({{"sum", 0.1}}, n_steps);
  });
  const auto sums = memory->series("sum");
  const auto means = memory->series("n");
  REQUIRE(sums.size() == n_steps + 1);
  REQUIRE(means.size() == n_steps);
  for (std::size_t step = 0; step < n_steps; ++step) {
    CHECK(sums[step].value == 1.7e308);  // in double it overflows on the way
    CHECK(means[step].value == 0x1p60 * 7 / 3);
  }
  CHECK(sums[n_steps].value == 0.1);
}

TEST_CASE("a rank that did not declare the order is named by the next flush") {
  run(2, [](Accelerator& accelerator) {
    if (accelerator.process_index() == 0) {
      accelerator.define_metric("a", {.order = Order::reproducible});
    }
    accelerator.log({{"a", 1.0}}, 0);
    const auto thrown = error_of([&] { accelerator.flush(); });
    CHECK(thrown.code == ErrorCode::conflict);
    CHECK(
        thrown.says("metric 'a': rank 0 adds it up in the order reproducible, rank 1 adds it up "
                    "in the order by_rank"));
    CHECK(error_of([&] {
            accelerator.define_metric(
                "a",
                {.order = accelerator.process_index() == 0 ? Order::by_rank : Order::reproducible});
          }).code == ErrorCode::conflict);
  });
}
