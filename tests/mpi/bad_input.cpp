// Bad keys, steps, names and calls in the wrong order, over real MPI.
#include <doctest/doctest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "mpi/mpi_test.hpp"
#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"
#include "support/agreed_error.hpp"

using ranklog::Accelerator;
using ranklog::ErrorCode;
using ranklog::MemoryTracker;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;
using ranklog::test_support::agreed_error;
using ranklog::test_support::error_of;

namespace {

std::string this_rank() { return "rank " + std::to_string(world_rank()); }

}  // namespace

TEST_CASE("a bad key is refused on the rank that logs it, with rank, name and advice") {
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory});
  accelerator.init_trackers("bad input");
  const std::vector<std::pair<std::string, std::string>> keys{
      {"", "is empty"},
      {std::string(251, 'k'), "has 251 bytes"},
      {"a\x1B[2Jb", "'a\\x1b[2Jb' has a control character"},
      {"\xC3(", "'\\xc3(' is not valid UTF-8"},
      {"ranklog/loss", "reserved"},
      {"a//b", "empty part"},
      {"a/../b", "'.' or '..'"}};
  for (const auto& [key, why] : keys) {
    CAPTURE(why);
    const auto thrown = error_of([&] { accelerator.log({{key, 1.0}}, 0); });
    CHECK(thrown.code == ErrorCode::invalid_key);
    CHECK(thrown.says(this_rank()));
    CHECK(thrown.says(why));
    CHECK(thrown.says("such as 'train/loss'"));
  }
  accelerator.log({{"good", 1.0}}, 0);
  accelerator.end_training();
  if (world_rank() == 0) CHECK(memory->records().size() == 1);
}

TEST_CASE("a bad key on one rank alone leaves the others undisturbed") {
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory});
  accelerator.init_trackers("bad input");
  const bool is_last = accelerator.is_last_process();
  for (int step = 0; step < 5; ++step) {
    const auto thrown = error_of([&] {
      accelerator.log({{"a", 1.0}, {is_last && step == 2 ? "" : "b", 1.0}}, step);
    });
    CHECK(thrown.code == (is_last && step == 2 ? ErrorCode::invalid_key : ErrorCode::none));
  }
  accelerator.end_training();
  if (world_rank() != 0) return;
  for (const auto& record : memory->records()) {
    const auto expected = record.row_step == 2 ? world_size() - 1 : world_size();
    for (const auto& metric : record.metrics) CHECK(metric.statistics.count == expected);
  }
}

TEST_CASE("steps may not be negative or go back, for one key") {
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory});
  accelerator.init_trackers("bad input");
  accelerator.log({{"a", 1.0}}, 7);
  accelerator.log({{"b", 1.0}}, 2);
  const auto back = error_of([&] { accelerator.log({{"a", 1.0}}, 6); });
  CHECK(back.code == ErrorCode::invalid_step);
  CHECK(back.says("on " + this_rank() + ": metric 'a' at step 6 after step 7"));
  const auto negative = error_of([&] { accelerator.log({{"c", 1.0}}, -1); });
  CHECK(negative.code == ErrorCode::invalid_step);
  CHECK(negative.says("step -1 is negative"));
  accelerator.end_training();
  if (world_rank() == 0) CHECK(memory->records().size() == 2);
}

TEST_CASE("the largest step is a step like any other") {
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory});
  accelerator.init_trackers("bad input");
  constexpr auto largest = std::numeric_limits<std::int64_t>::max();
  accelerator.log({{"a", 1.0}}, largest);
  accelerator.end_training();
  if (world_rank() == 0) CHECK(memory->records().at(0).step == largest);
}

TEST_CASE("an unknown tracker is refused on all ranks alike") {
  const auto thrown = agreed_error([] { Accelerator({.log_with = "tensorbord"}); });
  CHECK(thrown.code == ErrorCode::unknown_tracker);
  CHECK(thrown.says("'tensorbord'"));
  CHECK(thrown.says("memory"));
}

TEST_CASE("a tracker name that only the last rank misspells is refused on all ranks alike") {
  const char* name = world_rank() == world_size() - 1 ? "memry" : "memory";
  const auto thrown = agreed_error([&] { Accelerator({.log_with = name}); });
  CHECK(thrown.code == ErrorCode::unknown_tracker);
  CHECK(thrown.says("'memry'"));
}

TEST_CASE("project and run names that could leave the directory are refused on all ranks alike") {
  const ranklog::mpi_test::SharedDirectory directory("names");
  const std::vector<std::string> names{"..",
                                       "../x",
                                       "a/b",
                                       "/etc",
                                       std::string("a\0b", 3),
                                       "..x",
                                       " x",
                                       "\xFF",
                                       std::string(129, 'n'),
                                       "a\nb"};
  for (const auto& name : names) {
    CAPTURE(name);
    Accelerator accelerator({.log_with = "memory", .project_dir = directory.path().string()});
    const auto run = agreed_error(
        [&] { accelerator.init_trackers("project", std::nullopt, {.run_name = name}); });
    CHECK(run.code == ErrorCode::invalid_name);
    CHECK(run.says("run name '"));
    CHECK(run.says("without '/'"));
    const auto project = agreed_error([&] { accelerator.init_trackers(name); });
    CHECK(project.code == ErrorCode::invalid_name);
    CHECK(project.says("project name '"));
  }
  Accelerator accelerator({.log_with = "memory"});
  CHECK(agreed_error([&] { accelerator.init_trackers(""); }).code == ErrorCode::invalid_name);
  CHECK(agreed_error([&] {
          accelerator.init_trackers("project", std::nullopt, {.run_name = ".."});
        }).code == ErrorCode::invalid_name);
  if (world_rank() == 0) CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("calls in the wrong order are refused with rank and advice") {
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory});
  const auto early = error_of([&] { accelerator.log({{"a", 1.0}}, 0); });
  CHECK(early.code == ErrorCode::usage);
  CHECK(early.says("log() on " + this_rank() + " before init_trackers()"));
  CHECK(error_of([&] { accelerator.flush(); }).code == ErrorCode::usage);
  accelerator.init_trackers("order");
  const auto second = agreed_error([&] { accelerator.init_trackers("order"); });
  CHECK(second.code == ErrorCode::usage);
  CHECK(second.says("a second time"));
  CHECK(second.says("make a new Accelerator"));
  accelerator.log({{"a", 1.0}}, 0);
  accelerator.end_training();
  const auto late = error_of([&] { accelerator.log({{"a", 1.0}}, 1); });
  CHECK(late.code == ErrorCode::usage);
  CHECK(late.says("log() on " + this_rank() + " after end_training()"));
  accelerator.end_training();
  if (world_rank() == 0) CHECK(memory->records().size() == 1);
}

TEST_CASE("asking for a tracker that was not selected is refused on every rank alike") {
  Accelerator accelerator({.log_with = "memory"});
  accelerator.init_trackers("project");
  const auto thrown = agreed_error([&] { (void)accelerator.get_tracker("hdf5"); });
  CHECK(thrown.code == ErrorCode::unknown_tracker);
  CHECK(thrown.says("'hdf5'"));
}
