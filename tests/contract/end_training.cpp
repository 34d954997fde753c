// Rows L21 and L22 of docs/tracking_contract.md: how a run ends.
#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "contract/contract_test.hpp"
#include "mpi/mpi_test.hpp"
#include "ranklog/ranklog.hpp"

using namespace ranklog;
using namespace ranklog::contract;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;

TEST_CASE("L21: end_training finishes each tracker once, in order, where it runs") {
  const auto journal = std::make_shared<Journal>();
  const auto main_only = recording({.name = "main_only", .journal = journal});
  const auto everywhere =
      recording({.name = "everywhere", .journal = journal, .is_main_only = false});
  Accelerator accelerator({.log_with = {main_only, everywhere}});
  accelerator.init_trackers("project");
  accelerator.end_training();
  std::vector<std::string> expected{"everywhere.start", "everywhere.finish"};
  if (world_rank() == 0)
    expected = {"main_only.start", "everywhere.start", "main_only.finish", "everywhere.finish"};
  auto entries = journal->entries();
  // Ranks above 0 flush in case others are in flush(), which is to return when all have.
  std::erase_if(entries, [](const std::string& entry) { return entry.ends_with(".flush"); });
  CHECK(entries == expected);
  REQUIRE(everywhere->kept().outcome().has_value());
  CHECK(everywhere->kept().outcome()->status == RunStatus::completed);
  CHECK(everywhere->kept().outcome()->reason.empty());
}

TEST_CASE("L21: end_training delivers what was logged, also rows that no flush has sent") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker, .window_rows = 1000});
  accelerator.init_trackers("project");
  for (int step = 0; step < 10; ++step) accelerator.log({{"loss", 1.0}}, step);
  accelerator.end_training();
  REQUIRE(tracker->n_records() == (world_rank() == 0 ? 10 : 0));
  if (world_rank() == 0) CHECK(tracker->kept().series("loss")[9].statistics.count == world_size());
}

TEST_CASE("L21: the process helpers and collectives still work after end_training") {
  Accelerator accelerator({.log_with = "memory"});
  accelerator.init_trackers("project");
  accelerator.end_training();
  CHECK(accelerator.reduce(1.0) == world_size());
  CHECK(accelerator.num_processes() == world_size());
  accelerator.wait_for_everyone();
}

TEST_CASE("L22: end_training can be called again, and before init_trackers") {
  const auto journal = std::make_shared<Journal>();
  Accelerator accelerator(
      {.log_with = recording({.name = "a", .journal = journal, .is_main_only = false})});
  accelerator.end_training();
  accelerator.init_trackers("project");
  accelerator.log({{"loss", 1.0}}, 0);
  accelerator.end_training();
  accelerator.end_training();
  CHECK(journal->count("a.finish") == 1);
}

TEST_CASE("L22: the destructor ends the run if that was forgotten") {
  const auto tracker = recording({.is_main_only = false});
  {
    Accelerator accelerator({.log_with = tracker});
    accelerator.init_trackers("project");
    accelerator.log({{"loss", 1.0}}, 0);
  }
  CHECK(tracker->n_records() == 1);
  REQUIRE(tracker->kept().outcome().has_value());
  CHECK(tracker->kept().outcome()->status == RunStatus::completed);
}

TEST_CASE("L22: a rank that leaves by an exception ends the run as failed, and none hangs") {
  const int thrower = world_size() - 1;
  const auto tracker = recording();
  const Failure failure = failure_of([&] {
    Accelerator accelerator({.log_with = tracker});
    accelerator.init_trackers("project");
    for (int step = 0; step < 10; ++step) {
      if (step == 5 && world_rank() == thrower) throw std::runtime_error("out of memory");
      accelerator.log({{"loss", 1.0}}, step);
    }
    accelerator.end_training();
  });
  CHECK(failure.says("out of memory") == (world_rank() == thrower));
  if (world_rank() != 0) return;
  REQUIRE(tracker->kept().outcome().has_value());
  CHECK(tracker->kept().outcome()->status == RunStatus::failed);
  CHECK(tracker->kept().outcome()->reason.find("rank " + std::to_string(thrower)) !=
        std::string::npos);
  const auto rows = tracker->kept().series("loss");
  REQUIRE(rows.size() == (world_size() == 1 ? 5 : 10));
  CHECK(rows[4].statistics.count == world_size());
  if (world_size() > 1) CHECK(rows[9].statistics.count == world_size() - 1);
}
