// Ranks that do not all do the same, over real MPI: nobody hangs, and counts say who took part.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "mpi/mpi_test.hpp"
#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"
#include "support/agreed_error.hpp"
#include "support/captured_stderr.hpp"

using ranklog::Accelerator;
using ranklog::ErrorCode;
using ranklog::MemoryTracker;
using ranklog::RunStatus;
using ranklog::Scope;
using ranklog::Value;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;
using ranklog::test_support::agreed_error;
using ranklog::test_support::CapturedStderr;
using ranklog::test_support::error_of;
using ranklog::test_support::Thrown;

namespace {

bool is_last() { return world_rank() == world_size() - 1; }

// Runs `body` between init_trackers and end_training; rank 0's tracker has the result.
template <class F>
std::shared_ptr<MemoryTracker> run(F body) {
  auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory, .window_rows = 4});
  accelerator.init_trackers("disagreement");
  body(accelerator);
  accelerator.end_training();
  return memory;
}

std::int64_t count_at(const MemoryTracker& memory, const std::string& key, std::int64_t step) {
  for (const auto& record : memory.records()) {
    const auto* metric = record.find(key);
    if (metric != nullptr && record.row_step == step) return metric->statistics.count;
  }
  return 0;
}

}  // namespace

TEST_CASE("a rank that logs ten more steps has them to itself") {
  const auto memory = run([](Accelerator& accelerator) {
    for (int step = 0; step < (is_last() ? 30 : 20); ++step) accelerator.log({{"a", 1.0}}, step);
  });
  if (world_rank() != 0) return;
  CHECK(memory->series("a").size() == 30);
  CHECK(count_at(*memory, "a", 19) == world_size());
  CHECK(count_at(*memory, "a", 20) == 1);
  CHECK(memory->outcome()->status == RunStatus::completed);
}

TEST_CASE("rank 0 alone may log") {
  const auto memory = run([](Accelerator& accelerator) {
    if (!accelerator.is_main_process()) return;
    for (int step = 0; step < 20; ++step) accelerator.log({{"a", 1.0}}, step);
  });
  if (world_rank() != 0) return;
  CHECK(memory->series("a").size() == 20);
  for (const auto& row : memory->series("a")) CHECK(row.statistics.count == 1);
  CHECK(memory->outcome()->status == RunStatus::completed);
}

TEST_CASE("each rank may log another key at each step beside the common one") {
  const auto memory = run([](Accelerator& accelerator) {
    for (int step = 0; step < 50; ++step) {
      const auto own = std::to_string(world_rank()) + "/" + std::to_string(step);
      accelerator.log({{"a", 1.0}, {own, ranklog::sum(step)}}, step);
    }
  });
  if (world_rank() != 0) return;
  for (int step = 0; step < 50; ++step) {
    CHECK(count_at(*memory, "a", step) == world_size());
    for (int rank = 0; rank < world_size(); ++rank) {
      const auto rows = memory->series(std::to_string(rank) + "/" + std::to_string(step));
      REQUIRE(rows.size() == 1);
      CHECK(rows[0].integer_value == step);
      CHECK(rows[0].statistics.min_rank == rank);
    }
  }
}

TEST_CASE("the last rank alone may log, with keys that rank 0 never heard of") {
  const auto memory = run([](Accelerator& accelerator) {
    if (!is_last()) return;
    for (int step = 0; step < 20; ++step)
      accelerator.log({{"mine/" + std::to_string(step), 1}}, step);
  });
  if (world_rank() != 0) return;
  CHECK(memory->records().size() == 20);
  CHECK(count_at(*memory, "mine/19", 19) == 1);
}

TEST_CASE("a key that appears late on one rank, then on all, counts who has it") {
  const auto memory = run([](Accelerator& accelerator) {
    for (int step = 0; step < 20; ++step) {
      accelerator.log({{"a", 1.0}}, step);
      if (step >= (is_last() ? 5 : 10)) accelerator.log({{"late", 1.0}}, step);
    }
  });
  if (world_rank() != 0) return;
  CHECK(count_at(*memory, "late", 4) == 0);
  CHECK(count_at(*memory, "late", 5) == 1);
  CHECK(count_at(*memory, "late", 19) == world_size());
  CHECK(count_at(*memory, "a", 19) == world_size());
}

TEST_CASE("ranks may flush at different rows, as long as they flush equally often") {
  const auto memory = run([](Accelerator& accelerator) {
    for (int step = 0; step < 12; ++step) {
      if (step == 2 + world_rank()) accelerator.flush();
      accelerator.log({{"a", ranklog::sum(1)}}, step);
    }
  });
  if (world_rank() != 0) return;
  std::int64_t total = 0;
  for (const auto& row : memory->series("a")) total += row.integer_value;
  CHECK(total == 12 * world_size());
}

TEST_CASE("a type, a reduction or a use of steps that differs is one error from flush everywhere") {
  if (world_size() == 1) return;
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory});
  accelerator.init_trackers("disagreement");
  const auto last = std::to_string(world_size() - 1);
  const auto check = [&](const std::string& key, const std::string& claim) {
    const auto thrown = agreed_error([&] { accelerator.flush(); });
    CHECK(thrown.code == ErrorCode::conflict);
    CHECK(thrown.says("metric '" + key + "': rank 0 "));
    CHECK(thrown.says(", rank " + last + " " + claim));
    CHECK(thrown.says("one type, one reduction"));
    CHECK(agreed_error([&] { accelerator.flush(); }).code == ErrorCode::none);
  };
  accelerator.log({{"type", is_last() ? Value(1) : Value(1.0)}}, 0);
  check("type", "logs integer");
  accelerator.log({{"text", is_last() ? Value("one") : Value(1.0)}}, 0);
  check("text", "logs text");
  accelerator.log({{"how", is_last() ? ranklog::max(1.0) : ranklog::sum(1.0)}}, 0);
  check("how", "reduces it by max");
  if (is_last()) {
    accelerator.log({{"steps", 1.0}});
  } else {
    accelerator.log({{"steps", 1.0}}, 1000);
  }
  check("steps", "logs it without a step");
  accelerator.log({{"fine", 1.0}}, 0);
  accelerator.end_training();
  if (world_rank() == 0) CHECK(memory->series("fine").at(0).statistics.count == world_size());
}

TEST_CASE("a disagreement that nobody flushed is thrown by end_training everywhere") {
  if (world_size() == 1) return;
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory});
  accelerator.init_trackers("disagreement");
  accelerator.log({{"type", is_last() ? Value(true) : Value(1.0)}}, 0);
  const auto thrown = agreed_error([&] { accelerator.end_training(); });
  CHECK(thrown.code == ErrorCode::conflict);
  CHECK(thrown.says("logs boolean"));
  if (world_rank() == 0) CHECK(memory->outcome().has_value());
}

TEST_CASE("a key that changes on one rank is refused there at once, and logs go on") {
  const auto memory = run([](Accelerator& accelerator) {
    accelerator.log({{"a", 1.0}}, 0);
    if (is_last()) {
      const auto thrown = error_of([&] { accelerator.log({{"a", 1}}, 1); });
      CHECK(thrown.code == ErrorCode::conflict);
      CHECK(thrown.says("log() on rank " + std::to_string(world_rank())));
    }
    accelerator.log({{"a", 1.0}}, 1);
  });
  if (world_rank() == 0) CHECK(count_at(*memory, "a", 1) == world_size());
}

TEST_CASE("a rank that leaves by an exception is named, and the others' rows still count") {
  const CapturedStderr captured;
  const auto memory = std::make_shared<MemoryTracker>();
  bool has_left = false;
  try {
    Accelerator accelerator({.log_with = memory, .window_rows = 1});
    accelerator.init_trackers("disagreement");
    for (int step = 0; step < 20; ++step) {
      if (is_last() && step == 8) throw std::runtime_error("diverged");
      accelerator.log({{"a", 1.0}}, step);
    }
    accelerator.end_training();
  } catch (const std::runtime_error&) {
    has_left = true;
  }
  CHECK(has_left == is_last());
  if (world_rank() != 0) return;
  CHECK(memory->outcome()->status == RunStatus::failed);
  CHECK(memory->outcome()->reason.find("rank " + std::to_string(world_size() - 1)) !=
        std::string::npos);
  CHECK(count_at(*memory, "a", 7) == world_size());
  CHECK(count_at(*memory, "a", 8) == world_size() - 1);
  CHECK(memory->series("a").size() == (world_size() == 1 ? 8U : 20U));
}

TEST_CASE("values of rank 0 alone need no other rank") {
  const auto memory = run([](Accelerator& accelerator) {
    accelerator.log({{"main", world_rank()}}, 0, {.scope = Scope::main_process});
    for (int step = 1; step < 5 && accelerator.is_main_process(); ++step)
      accelerator.log({{"main", step}}, step, {.scope = Scope::main_process});
  });
  if (world_rank() == 0) CHECK(memory->series("main").size() == 5);
}

TEST_CASE("a rank that comes late to every step changes nothing but the time") {
  const auto memory = run([](Accelerator& accelerator) {
    for (int step = 0; step < 20; ++step) {
      if (is_last()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      accelerator.log({{"a", 1.0 * world_rank()}}, step);
    }
  });
  if (world_rank() != 0) return;
  REQUIRE(memory->series("a").size() == 20);
  for (const auto& row : memory->series("a")) CHECK(row.statistics.count == world_size());
}
