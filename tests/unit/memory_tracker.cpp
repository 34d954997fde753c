// The tracker that tests of user code select.
#include "ranklog/memory_tracker.hpp"

#include <doctest/doctest.h>

#include <thread>

#include "support/tracker_records.hpp"

using namespace ranklog;
using namespace ranklog::test_support;

TEST_CASE("a memory tracker gives back all that it was told, in order") {
  MemoryTracker tracker;
  tracker.start(context_in("somewhere"));
  tracker.store_init_configuration({{"lr", 0.5}});
  tracker.log(record_at(1, {real_metric("a", 1), real_metric("b", 2)}), {});
  tracker.log(record_at(2, {real_metric("a", 3)}), {{"note", "x"}});
  CHECK_FALSE(tracker.outcome().has_value());
  tracker.finish({RunStatus::failed, "why"});

  CHECK(tracker.context().run_dir == "somewhere");
  CHECK(tracker.configurations() == std::vector<Config>{{{"lr", 0.5}}});
  REQUIRE(tracker.records().size() == 2);
  CHECK(tracker.records()[1].row_step == 2);
  CHECK(tracker.log_options() == std::vector<Config>{{}, {{"note", "x"}}});
  REQUIRE(tracker.outcome().has_value());
  CHECK(tracker.outcome()->reason == "why");
}

TEST_CASE("a series has the rows of one key only") {
  MemoryTracker tracker;
  tracker.log(record_at(1, {real_metric("a", 1), real_metric("b", 2)}), {});
  tracker.log(record_at(2, {real_metric("b", 3)}), {});
  REQUIRE(tracker.series("b").size() == 2);
  CHECK(tracker.series("b")[1].value == 3);
  CHECK(tracker.series("a").size() == 1);
  CHECK(tracker.series("c").empty());
}

TEST_CASE("a memory tracker lives on the main process unless told otherwise") {
  CHECK(MemoryTracker().main_process_only());
  CHECK_FALSE(MemoryTracker(MemoryTracker::Scope::every_rank).main_process_only());
}

TEST_CASE("a memory tracker may be read while it is written") {
  MemoryTracker tracker;
  std::thread writer([&] {
    for (int step = 0; step < 200; ++step) tracker.log(record_at(step, {real_metric("a", 1)}), {});
  });
  std::size_t n_seen = 0;
  while (n_seen < 200) {
    const std::size_t n = tracker.series("a").size();
    CHECK(n >= n_seen);
    n_seen = n;
  }
  writer.join();
}
