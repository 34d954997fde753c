// Trackers that throw from each of their methods, over real MPI.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "mpi/mpi_test.hpp"
#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"
#include "support/agreed_error.hpp"
#include "support/captured_stderr.hpp"
#include "support/scripted_tracker.hpp"

using ranklog::Accelerator;
using ranklog::ErrorCode;
using ranklog::MemoryTracker;
using ranklog::RunStatus;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;
using ranklog::test_support::agreed_error;
using ranklog::test_support::CapturedStderr;
using ranklog::test_support::error_of;
using ranklog::test_support::Script;
using ranklog::test_support::ScriptedTracker;

namespace {

std::shared_ptr<ScriptedTracker> throwing_from(const std::string& method) {
  return std::make_shared<ScriptedTracker>(Script{.name = "bad", .throws_from = {method}});
}

}  // namespace

TEST_CASE("a tracker that cannot start fails init_trackers on all ranks alike") {
  const auto bad = throwing_from("start");
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = {memory, bad}});
  const auto thrown = agreed_error([&] { accelerator.init_trackers("bad tracker"); });
  CHECK(thrown.code == ErrorCode::tracker_failed);
  CHECK(thrown.says("tracker 'bad' could not start: start refused"));
  CHECK(error_of([&] { accelerator.log({{"a", 1.0}}, 0); }).code == ErrorCode::usage);
  if (world_rank() == 0) CHECK(memory->outcome()->status == RunStatus::failed);
}

TEST_CASE("a tracker on every rank that cannot start on one of them fails all ranks alike") {
  const bool is_last = world_rank() == world_size() - 1;
  auto script = Script{.name = "every", .is_main_process_only = false};
  if (is_last) script.throws_from = {"start"};
  const auto every = std::make_shared<ScriptedTracker>(script);
  {
    Accelerator accelerator({.log_with = every});
    const auto thrown = agreed_error([&] { accelerator.init_trackers("bad tracker"); });
    CHECK(thrown.code == ErrorCode::tracker_failed);
    CHECK(thrown.says("'every'"));
  }
  CHECK(every->count("finish") == (is_last ? 0U : 1U));
}

TEST_CASE("what a tracker throws later hurts neither the job nor the other tracker") {
  for (const std::string method : {"store_init_configuration", "log", "flush", "finish"}) {
    CAPTURE(method);
    const CapturedStderr captured;
    const auto bad = throwing_from(method);
    const auto memory = std::make_shared<MemoryTracker>();
    Accelerator accelerator({.log_with = {bad, memory}});
    accelerator.init_trackers("bad tracker", {{"a", 1}});
    for (int step = 0; step < 20; ++step) accelerator.log({{"a", 1.0}}, step);
    CHECK(agreed_error([&] { accelerator.flush(); }).code == ErrorCode::none);
    CHECK(agreed_error([&] { accelerator.end_training(); }).code == ErrorCode::none);
    if (world_rank() != 0) continue;
    CHECK(memory->series("a").size() == 20);
    CHECK(memory->outcome()->status == RunStatus::completed);
    CHECK(bad->count("finish") == 1);
    CHECK(captured.text().find("rank 0: tracker 'bad' failed " +
                               std::to_string(method == "log" ? 20 : 1) + " time") !=
          std::string::npos);
  }
}
