// What ranklog costs, as metrics of its own.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"
#include "ranklog/testing.hpp"
#include "support/error_of.hpp"

using ranklog::Accelerator;
using ranklog::Communicator;
using ranklog::ErrorCode;
using ranklog::MemoryTracker;
using ranklog::OwnCostMetrics;
using ranklog::Reduction;
using ranklog::test_support::error_of;

namespace {

template <class F>
std::shared_ptr<MemoryTracker> run(int n_ranks, OwnCostMetrics own_cost, F body) {
  auto memory = std::make_shared<MemoryTracker>();
  ranklog::testing::run_ranks(n_ranks, [&](Communicator comm) {
    const bool is_main = comm.rank() == 0;
    Accelerator accelerator({.log_with = {is_main ? memory : std::make_shared<MemoryTracker>()},
                             .communicator = std::move(comm),
                             .own_cost = own_cost,
                             .window_rows = 4});
    accelerator.init_trackers("cost");
    body(accelerator);
    accelerator.end_training();
  });
  return memory;
}

void log_ten_rows(Accelerator& accelerator) {
  for (int step = 0; step < 10; ++step) accelerator.log({{"a", 1.0}}, step);
}

}  // namespace

TEST_CASE("each window of each rank reports its time, messages and bytes") {
  const auto memory = run(3, OwnCostMetrics::per_window, log_ten_rows);
  CHECK(memory->series("a").size() == 10);
  const auto overhead = memory->series("ranklog/overhead_s");
  REQUIRE(overhead.size() == 3);  // after 4 and 8 rows, and at the end
  for (const auto& window : overhead) {
    CHECK(window.statistics.count == 3);
    CHECK(window.value > 0);
    CHECK(window.value == window.statistics.max);
    CHECK(window.statistics.mean <= window.value);
    CHECK(window.info->unit == "s");
  }
  // Ranks 1 and 2 are leaves, and each has sent a packet or more by the end.
  const auto total = [&](const std::string& key) {
    const auto windows = memory->series(key);
    CHECK(windows.size() == 3);
    std::int64_t sum = 0;
    for (const auto& window : windows) {
      sum += window.integer_value;
      CHECK(window.info->reduction == Reduction::sum);
    }
    return sum;
  };
  CHECK(total("ranklog/messages_sent") >= 2);
  CHECK(total("ranklog/bytes_sent") > 2 * 4 * 8);
}

TEST_CASE("time that the job spends elsewhere is not counted") {
  const auto memory = run(1, OwnCostMetrics::per_window, [](Accelerator& accelerator) {
    for (int step = 0; step < 4; ++step) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      accelerator.log({{"a", 1.0}}, step);
    }
  });
  CHECK(memory->series("ranklog/overhead_s").at(0).value < 0.15);
}

TEST_CASE("a flush ends a window on every rank, however many rows it had") {
  const auto memory = run(2, OwnCostMetrics::per_window, [](Accelerator& accelerator) {
    if (accelerator.is_main_process()) accelerator.log({{"a", 1.0}}, 0);
    accelerator.flush();
    accelerator.log({{"b", 1.0}}, 0);
  });
  const auto overhead = memory->series("ranklog/overhead_s");
  REQUIRE(overhead.size() == 2);
  for (const auto& window : overhead) CHECK(window.statistics.count == 2);
}

TEST_CASE("by default nothing of the kind is logged, and the names stay reserved") {
  const auto memory = run(2, OwnCostMetrics::off, log_ten_rows);
  CHECK(memory->records().size() == 10);
  CHECK(memory->series("ranklog/overhead_s").empty());
  for (const auto own_cost : {OwnCostMetrics::off, OwnCostMetrics::per_window}) {
    run(1, own_cost, [](Accelerator& accelerator) {
      const std::string key = "ranklog/overhead_s";
      CHECK(error_of([&] { accelerator.log({{key, 1.0}}, 0); }).code == ErrorCode::invalid_key);
      CHECK(error_of([&] { accelerator.define_metric(key, {.reduce = Reduction::sum}); }).code ==
            ErrorCode::invalid_key);
    });
  }
}
