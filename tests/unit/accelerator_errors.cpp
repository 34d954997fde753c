// The front door on in-process ranks: what is refused, where, and in which words.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"
#include "ranklog/testing.hpp"
#include "support/captured_stderr.hpp"
#include "support/error_of.hpp"
#include "support/scripted_tracker.hpp"

using ranklog::Accelerator;
using ranklog::Communicator;
using ranklog::ErrorCode;
using ranklog::MemoryTracker;
using ranklog::RunStatus;
using ranklog::Values;
using ranklog::test_support::CapturedStderr;
using ranklog::test_support::error_of;
using ranklog::test_support::Script;
using ranklog::test_support::ScriptedTracker;
using ranklog::test_support::Thrown;
using ranklog::testing::run_ranks;

namespace {

std::shared_ptr<MemoryTracker> run(int n_ranks, const std::function<void(Accelerator&)>& body,
                                   int window_rows = 64) {
  auto memory = std::make_shared<MemoryTracker>();
  run_ranks(n_ranks, [&](Communicator comm) {
    Accelerator accelerator(
        {.log_with = memory, .communicator = std::move(comm), .window_rows = window_rows});
    accelerator.init_trackers("test");
    body(accelerator);
    accelerator.end_training();
  });
  return memory;
}

Thrown log_error(Accelerator& accelerator, const Values& values,
                 std::optional<std::int64_t> step = 0) {
  return error_of([&] { accelerator.log(values, step); });
}

// What flush() throws on each rank after `body` ran there.
std::vector<Thrown> flush_errors(int n_ranks, const std::function<void(Accelerator&)>& body,
                                 int window_rows = 64) {
  std::vector<Thrown> thrown(static_cast<std::size_t>(n_ranks));
  (void)run(
      n_ranks,
      [&](Accelerator& accelerator) {
        body(accelerator);
        thrown[static_cast<std::size_t>(accelerator.process_index())] =
            error_of([&] { accelerator.flush(); });
      },
      window_rows);
  return thrown;
}

void check_same_conflict(const std::vector<Thrown>& thrown, const std::string& text) {
  for (const auto& each : thrown) {
    CHECK(each.code == ErrorCode::conflict);
    CHECK(each.text == thrown[0].text);
    CHECK(each.says(text));
  }
}

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

}  // namespace

TEST_CASE("a bad key is refused at once, with key, advice and nothing logged") {
  const auto memory = run(2, [](Accelerator& accelerator) {
    for (const std::string key : {"", "a//b", "bad\n", "\xFF", "ranklog/x"}) {
      const auto thrown = log_error(accelerator, {{"good", 1.0}, {key, 1.0}});
      CHECK(thrown.code == ErrorCode::invalid_key);
      CHECK(thrown.says("log() on rank " + std::to_string(accelerator.process_index()) + ":"));
      CHECK(thrown.says("use 1 to 250 bytes"));
      CHECK(thrown.says("accelerator_errors.cpp:"));
    }
    CHECK(log_error(accelerator, {{std::string(251, 'k'), 1.0}}).code == ErrorCode::invalid_key);
    CHECK(log_error(accelerator, {{"in", {{"", 1.0}}}}).code == ErrorCode::invalid_key);
  });
  CHECK(memory->records().empty());
}

TEST_CASE("a key that stands twice in one dictionary is refused with rank and call site") {
  (void)run(2, [](Accelerator& accelerator) {
    const auto thrown = log_error(accelerator, {{"a/b", 1.0}, {"a", {{"b", 2.0}}}});
    CHECK(thrown.code == ErrorCode::usage);
    CHECK(thrown.says("rank " + std::to_string(accelerator.process_index())));
    CHECK(thrown.says("'a/b' stands twice"));
    CHECK(thrown.says("accelerator_errors.cpp:"));
  });
}

TEST_CASE("weights must be finite and not negative") {
  (void)run(1, [](Accelerator& accelerator) {
    for (const double weight : {-1.0, std::nan(""), static_cast<double>(INFINITY)}) {
      const auto thrown = log_error(accelerator, {{"a", ranklog::mean(1.0, weight)}});
      CHECK(thrown.code == ErrorCode::invalid_value);
      CHECK(thrown.says("weight of metric 'a'"));
    }
    accelerator.log({{"a", 1.0}}, 0);
  });
}

TEST_CASE("steps of one key must not decrease, steps of different keys are their own") {
  const auto memory = run(2, [](Accelerator& accelerator) {
    accelerator.log({{"a", 1.0}}, 10);
    accelerator.log({{"b", 1.0}}, 3);
    accelerator.log({{"a", 1.0}}, 10);
    const auto thrown = log_error(accelerator, {{"a", 1.0}}, 9);
    CHECK(thrown.code == ErrorCode::invalid_step);
    CHECK(thrown.says("metric 'a' at step 9 after step 10"));
    CHECK(log_error(accelerator, {{"c", 1.0}}, -1).code == ErrorCode::invalid_step);
    CHECK(log_error(accelerator, {{"b", 1.0}}, std::nullopt).code == ErrorCode::conflict);
  });
  CHECK(memory->records().size() == 3);
}

TEST_CASE("a key that changes its type or reduction is refused at once on that rank") {
  const auto memory = run(2, [](Accelerator& accelerator) {
    accelerator.log({{"a", 1.0}, {"s", ranklog::sum(1.0)}}, 0);
    if (accelerator.process_index() == 1) {
      const auto thrown = log_error(accelerator, {{"a", 1}}, 1);
      CHECK(thrown.code == ErrorCode::conflict);
      CHECK(thrown.says("log() on rank 1: metric 'a' cannot change"));
      CHECK(thrown.says("1.0 is real, 1 is an integer"));
      CHECK(log_error(accelerator, {{"a", "text"}}, 1).code == ErrorCode::conflict);
      CHECK(log_error(accelerator, {{"s", ranklog::max(1.0)}}, 1).code == ErrorCode::conflict);
      CHECK(log_error(accelerator, {{"t", ranklog::sum("text")}}, 1).says("text has no sum"));
    }
    accelerator.log({{"a", 1.0}, {"s", 2.0}}, 1);  // plain: as before
  });
  REQUIRE(memory->series("s").size() == 2);
  CHECK(memory->series("s")[1].value == 4);
}

TEST_CASE("a call that is refused settles nothing about its keys") {
  const auto memory = run(2, [](Accelerator& accelerator) {
    accelerator.log({{"old", 1.0}}, 5);
    if (accelerator.process_index() == 0) {
      const ranklog::Value real(1.0);
      CHECK(log_error(accelerator, {{"new", real}, {"old", 1.0}}, 4).code ==
            ErrorCode::invalid_step);
      CHECK(log_error(accelerator, {{"new", real}, {"old", 1}}, 6).code == ErrorCode::conflict);
      CHECK(log_error(accelerator, {{"new", real}, {"w", ranklog::mean(1.0, -1)}}, 6).code ==
            ErrorCode::invalid_value);
      CHECK(log_error(accelerator, {{"new", real}, {"", 1.0}}, 6).code == ErrorCode::invalid_key);
    }
    accelerator.define_metric("new", {.reduce = ranklog::Reduction::sum});
    accelerator.log({{"new", 1}}, 6);
    CHECK(error_of([&] { accelerator.flush(); }).code == ErrorCode::none);
  });
  REQUIRE(memory->series("new").size() == 1);
  CHECK(memory->series("new")[0].integer_value == 2);
}

TEST_CASE("ranks that disagree on a type throw the same error from flush on all ranks") {
  for (const int n_ranks : {2, 3, 4, 8}) {
    const auto thrown = flush_errors(n_ranks, [&](Accelerator& accelerator) {
      const bool is_last = accelerator.process_index() == n_ranks - 1;
      accelerator.log({{"a", is_last ? ranklog::Value(1) : ranklog::Value(1.0)}}, 0);
    });
    check_same_conflict(thrown, "metric 'a': rank 0 logs real, rank " +
                                    std::to_string(n_ranks - 1) + " logs integer");
  }
}

TEST_CASE("a disagreement is thrown by flush alone, however early the other rank's rows came") {
  for (const int late : {0, 1}) {
    CAPTURE(late);
    const auto thrown = flush_errors(
        2,
        [&](Accelerator& accelerator) {
          const int rank = accelerator.process_index();
          accelerator.log({{"warm-up", 1.0}}, 0);
          if (rank == late) sleep_ms(50);
          accelerator.log({{"warm-up", 1.0}}, 1);  // takes in what has come
          CHECK(log_error(accelerator, {{"type", rank == 0 ? ranklog::Value(1) : "one"}}).code ==
                ErrorCode::none);
          CHECK(
              log_error(accelerator, {{"how", rank == 0 ? ranklog::Value(1.0) : ranklog::sum(1.0)}})
                  .code == ErrorCode::none);
          CHECK(log_error(accelerator, {{"step", 1.0}},
                          rank == 0 ? std::optional<std::int64_t>(5) : std::nullopt)
                    .code == ErrorCode::none);
        },
        1);
    for (const auto& each : thrown) {
      CHECK(each.code == ErrorCode::conflict);
      CHECK(each.text == thrown[0].text);
      CHECK(each.says("metric 'how': rank 0 reduces it by mean, rank 1 reduces it by sum"));
      CHECK(each.says("and 2 more"));
    }
  }
}

TEST_CASE("a step on one rank and none on another is a conflict, whether or not they meet") {
  for (const std::int64_t step : {0, 1000}) {
    CAPTURE(step);
    check_same_conflict(flush_errors(3,
                                     [&](Accelerator& accelerator) {
                                       for (int i = 0; i < 3; ++i) {
                                         if (accelerator.process_index() == 1) {
                                           accelerator.log({{"a", 1.0}});
                                         } else {
                                           accelerator.log({{"a", 1.0}}, step + i);
                                         }
                                       }
                                     }),
                        "metric 'a': rank 0 logs it with a step, rank 1 logs it without a step");
  }
}

TEST_CASE("a reduction that is declared on all ranks is no conflict, whoever is first") {
  for (const int late : {0, 1}) {
    const auto thrown = flush_errors(
        2,
        [&](Accelerator& accelerator) {
          if (accelerator.process_index() == late) sleep_ms(50);
          accelerator.log({{"warm-up", 1.0}}, 0);
          accelerator.define_metric("a", {.reduce = ranklog::Reduction::sum, .unit = "s"});
          for (int step = 0; step < 3; ++step) accelerator.log({{"a", 1.0}}, step);
        },
        1);
    for (const auto& each : thrown) CHECK(each.code == ErrorCode::none);
  }
}

TEST_CASE("a conflict is thrown once, and what can be merged is merged all the same") {
  const auto memory = run(2, [](Accelerator& accelerator) {
    accelerator.log(
        {{"a", accelerator.is_main_process() ? ranklog::Value(1.0) : ranklog::Value(3)}}, 0);
    accelerator.log({{"ok", 1.0}}, 0);
    CHECK(error_of([&] { accelerator.flush(); }).code == ErrorCode::conflict);
    CHECK(error_of([&] { accelerator.flush(); }).code == ErrorCode::none);
  });
  REQUIRE(memory->series("a").size() == 1);
  CHECK(memory->series("a")[0].value == 2);
  CHECK(memory->series("ok")[0].statistics.count == 2);
}

TEST_CASE("a conflict at the end is thrown after everything was finished") {
  const auto memory = std::make_shared<MemoryTracker>();
  run_ranks(3, [&](Communicator comm) {
    Accelerator accelerator({.log_with = memory, .communicator = std::move(comm)});
    accelerator.init_trackers("test");
    accelerator.log(
        {{"a", accelerator.is_main_process() ? ranklog::Value(1.0) : ranklog::Value(3)}}, 0);
    CHECK(error_of([&] { accelerator.end_training(); }).code == ErrorCode::conflict);
    CHECK(error_of([&] { accelerator.end_training(); }).code == ErrorCode::none);
  });
  CHECK(memory->outcome().has_value());
}

TEST_CASE("calls in the wrong phase are refused with rank and advice") {
  const auto memory = std::make_shared<MemoryTracker>();
  run_ranks(2, [&](Communicator comm) {
    Accelerator accelerator({.log_with = memory, .communicator = std::move(comm)});
    const auto early = log_error(accelerator, {{"a", 1.0}});
    CHECK(early.code == ErrorCode::usage);
    CHECK(early.says("before init_trackers()"));
    CHECK(error_of([&] { accelerator.flush(); }).code == ErrorCode::usage);
    CHECK(accelerator.get_tracker("memory").is_null());
    CHECK(error_of([&] { (void)accelerator.get_tracker("memoryy"); }).code ==
          ErrorCode::unknown_tracker);
    accelerator.end_training();  // nothing to end
    accelerator.init_trackers("test");
    const auto again = error_of([&] { accelerator.init_trackers("test"); });
    CHECK(again.code == ErrorCode::usage);
    CHECK(again.says("on rank 0 a second time"));
    accelerator.log({{"a", 1.0}}, 0);
    accelerator.end_training();
    const auto late = log_error(accelerator, {{"a", 1.0}});
    CHECK(late.code == ErrorCode::usage);
    CHECK(late.says("after end_training()"));
    CHECK(late.says("rank " + std::to_string(accelerator.process_index())));
  });
  CHECK(memory->records().size() == 1);
}

TEST_CASE("an argument that is bad on one rank is refused on all") {
  run_ranks(3, [](Communicator comm) {
    const int window_rows = comm.rank() == 1 ? 0 : 64;
    const auto thrown = error_of([&] {
      Accelerator(
          {.log_with = "memory", .communicator = std::move(comm), .window_rows = window_rows});
    });
    CHECK(thrown.code == ErrorCode::usage);
    CHECK(thrown.says("window_rows is 0"));
  });
  run_ranks(3, [](Communicator comm) {
    const char* name = comm.rank() == 2 ? "no such tracker" : "memory";
    const auto thrown =
        error_of([&] { Accelerator({.log_with = name, .communicator = std::move(comm)}); });
    CHECK(thrown.code == ErrorCode::unknown_tracker);
    CHECK(thrown.says("no such tracker"));
  });
}

TEST_CASE("a rank that leaves by an exception marks the run as failed and the others go on") {
  for (const int n_ranks : {2, 3, 4, 8}) {
    CapturedStderr captured;
    const auto memory = std::make_shared<MemoryTracker>();
    const int leaver = n_ranks - 1;
    run_ranks(n_ranks, [&](Communicator comm) {
      const int rank = comm.rank();
      try {
        Accelerator accelerator({.log_with = memory, .communicator = std::move(comm)});
        accelerator.init_trackers("test");
        for (int step = 0; step < 10; ++step) {
          if (rank == leaver && step == 4) throw std::runtime_error("diverged");
          accelerator.log({{"a", 1.0}}, step);
        }
        accelerator.end_training();
      } catch (const std::runtime_error&) {
        CHECK(rank == leaver);
      }
    });
    const auto rows = memory->series("a");
    REQUIRE(rows.size() == 10);
    for (std::size_t i = 0; i < 10; ++i)
      CHECK(rows[i].statistics.count == (i < 4 ? n_ranks : n_ranks - 1));
    CHECK(memory->outcome()->status == RunStatus::failed);
    CHECK(memory->outcome()->reason.find("rank " + std::to_string(leaver)) != std::string::npos);
  }
}

TEST_CASE("a tracker that cannot start makes init_trackers throw on all ranks") {
  run_ranks(3, [](Communicator comm) {
    const auto bad =
        std::make_shared<ScriptedTracker>(Script{.name = "bad", .throws_from = {"start"}});
    const auto good = std::make_shared<ScriptedTracker>(Script{.name = "good"});
    const bool is_main = comm.rank() == 0;
    Accelerator accelerator({.log_with = {good, bad}, .communicator = std::move(comm)});
    const auto thrown = error_of([&] { accelerator.init_trackers("test"); });
    CHECK(thrown.code == ErrorCode::tracker_failed);
    CHECK(thrown.says("tracker 'bad' could not start: start refused"));
    CHECK(good->count("finish") == (is_main ? 1U : 0U));
    CHECK(log_error(accelerator, {{"a", 1.0}}).code == ErrorCode::usage);
  });
}
