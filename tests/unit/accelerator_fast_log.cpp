// Rows in blocks: whatever the ranks log, it arrives as if every row had gone by itself.
#include "accelerator/fast_log.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "ranklog/error.hpp"
#include "ranklog/testing.hpp"
#include "support/error_of.hpp"
#include "unit/logging_rank.hpp"

using namespace ranklog::test_support;  // NOLINT: a test
using ranklog::Communicator;
using ranklog::ErrorCode;
using ranklog::Item;
using ranklog::testing::run_ranks;

namespace {

std::vector<Item> items_of(std::initializer_list<const char*> names, double value) {
  std::vector<Item> items;
  for (const char* name : names) items.emplace_back(name, value);
  return items;
}

}  // namespace

TEST_CASE("ranks in lockstep have all but the first two rows in blocks") {
  for (const int n_ranks : {1, 2, 3, 4, 7, 16}) {
    CAPTURE(n_ranks);
    std::int64_t n_block_rows = 0;
    std::int64_t n_rows = 0;
    run_ranks(n_ranks, [&](const Communicator& comm) {
      LoggingRank rank(comm, prompt(8), true);
      const auto items = items_of({"a", "b"}, comm.rank());
      for (int step = 0; step < 2; ++step) rank.log(items, step);
      (void)rank.flush();
      for (int step = 2; step < 66; ++step) rank.log(items, step);
      CHECK(rank.n_fast == 64);
      // What is here in full when a rank drains goes as blocks, too.
      (void)rank.flush();
      if (comm.rank() == 0) {
        n_block_rows = rank.n_block_rows;
        n_rows = static_cast<std::int64_t>(rank.rows.size()) / 2;
      }
    });
    CHECK(n_rows == 66);
    CHECK(n_block_rows == 64);
  }
}

TEST_CASE("a rank with a key of its own, and ranks without a schema, stay fast") {
  std::int64_t n_block_rows = 0;
  run_ranks(4, [&](const Communicator& comm) {
    LoggingRank rank(comm, prompt(8), true);
    const auto log_steps = [&](int begin, int end) {
      for (int step = begin; step < end; ++step) {
        rank.log(comm.rank() == 3 ? items_of({"a", "mine"}, 3) : items_of({"a"}, comm.rank()),
                 step);
        if (comm.rank() % 2 == 1) rank.log(items_of({"odd ranks"}, comm.rank()), step);
      }
      (void)rank.flush();
    };
    log_steps(0, 2);
    log_steps(2, 34);
    if (comm.rank() != 0) return;
    n_block_rows = rank.n_block_rows;
    CHECK(rank.rows.at({1, "mine", 20, 0}).statistics.count == 1);
    CHECK(rank.rows.at({1, "odd ranks", 20, 0}).statistics.count == 2);
    CHECK(rank.rows.at({1, "a", 20, 0}).statistics.count == 4);
    CHECK(rank.rows.at({1, "a", 20, 0}).value == 1.5);
  });
  CHECK(n_block_rows == 64);
}

TEST_CASE("two calls a step with different keys make blocks, not single rows") {
  run_ranks(2, [&](const Communicator& comm) {
    LoggingRank rank(comm, prompt(64), true);
    const auto log_steps = [&](int begin, int end) {
      for (int step = begin; step < end; ++step) {
        rank.log(items_of({"a", "b"}, 1), step);
        rank.log(items_of({"c"}, 2), step);
      }
      (void)rank.flush();
    };
    log_steps(0, 2);
    log_steps(2, 66);
    if (comm.rank() != 0) return;
    CHECK(rank.n_block_rows == 128);
    CHECK(rank.n_blocks <= 16);
  });
}

TEST_CASE("calls that share keys keep the order of each key") {
  run_ranks(3, [&](const Communicator& comm) {
    LoggingRank rank(comm, prompt(8), true);
    rank.log(items_of({"a", "b"}, 1), 0);
    rank.log({{"note", "text"}}, 0);
    (void)rank.flush();
    for (int step = 1; step < 60; ++step) {
      rank.log(step % 5 == 4 ? items_of({"a", "b"}, 1) : items_of({"a"}, 1), step);
      if (step % 7 == 0) rank.log({{"note", "text"}}, step);
      if (step % 11 == 0) rank.log({{"a", std::nan("")}}, step);
    }
    (void)rank.flush();
    if (comm.rank() != 0) return;
    std::map<std::string, std::int64_t> last;
    for (const auto& place : rank.order) {
      const auto at = place.rfind('@');
      const auto step = std::stoll(place.substr(at + 1));
      CHECK(step >= last[place.substr(0, at)]);
      last[place.substr(0, at)] = step;
    }
    CHECK(rank.n_block_rows > 0);
  });
}

TEST_CASE("one NaN costs one row the fast way, not the window") {
  run_ranks(2, [&](const Communicator& comm) {
    LoggingRank rank(comm, prompt(16), true);
    for (int step = 0; step < 2; ++step) rank.log(items_of({"a"}, 1), step);
    (void)rank.flush();
    for (int step = 2; step < 66; ++step) {
      rank.log(items_of({"a"}, comm.rank() == 1 && step == 30 ? std::nan("") : 1), step);
    }
    (void)rank.flush();
    if (comm.rank() != 0) return;
    CHECK(rank.n_block_rows == 63);
    const auto& metric = rank.rows.at({1, "a", 30, 0});
    CHECK(std::isnan(metric.value));
    CHECK(metric.statistics.first_nan_rank == 1);
    CHECK(metric.statistics.mean == 1);
  });
}

TEST_CASE("a step that goes back or repeats is judged as on the long way") {
  run_ranks(1, [&](const Communicator& comm) {
    LoggingRank rank(comm, prompt(), true);
    for (int step = 0; step < 5; ++step) rank.log(items_of({"a"}, 1), step);
    rank.log(items_of({"a"}, 2), 4);
    CHECK(error_of([&] { rank.log(items_of({"a"}, 1), 3); }).code == ErrorCode::invalid_step);
    CHECK(error_of([&] { rank.log(items_of({"a"}, 1), -1); }).code == ErrorCode::invalid_step);
    CHECK(error_of([&] { rank.log(items_of({"a"}, 1), std::nullopt); }).code ==
          ErrorCode::conflict);
    rank.log({{"a", 1.0}, {"b", 1.0}}, 9);
    CHECK(error_of([&] { rank.log(items_of({"a"}, 1), 8); }).code == ErrorCode::invalid_step);
    rank.log(items_of({"a"}, 7), 10);
    (void)rank.flush();
    CHECK(rank.rows.at({0, "a", 4, 1}).value == 2);
    CHECK(rank.rows.at({0, "a", 10, 0}).value == 7);
    CHECK(rank.rows.size() == 9);
  });
}

TEST_CASE("sums beyond int64 and differences beyond double are as on the long way") {
  constexpr auto greatest = std::numeric_limits<std::int64_t>::max();
  constexpr auto huge = std::numeric_limits<double>::max();
  Rows of_fast;
  Rows of_slow;
  for (const bool is_fast : {true, false}) {
    run_ranks(5, [&](const Communicator& comm) {
      LoggingRank rank(comm, prompt(8), is_fast);
      for (int step = 0; step < 20; ++step) {
        const double sign = comm.rank() % 2 == 0 ? 1 : -1;
        const std::vector<Item> items{
            {"whole", ranklog::sum(comm.rank() == 4 ? -greatest : greatest)},
            {"huge", huge * sign},
            {"sum", ranklog::sum(huge)},
            {"zero", ranklog::min(-0.0 * sign)}};
        rank.log(items, step);
      }
      (void)rank.flush();
      if (comm.rank() == 0) (is_fast ? of_fast : of_slow) = rank.rows;
    });
  }
  require_same(of_fast, of_slow);
  CHECK(of_fast.at({0, "whole", 19, 0}).integer_value == greatest);
}

TEST_CASE("rows that wait too long go, and what comes later is counted by itself") {
  run_ranks(2, [&](const Communicator& comm) {
    auto options = prompt(4);
    options.late_s = 0.2;
    LoggingRank rank(comm, options, true);
    for (int step = 0; step < 2; ++step) rank.log(items_of({"a"}, 1), step);
    (void)rank.flush();
    if (comm.rank() == 0) {
      for (int step = 2; step < 12; ++step) rank.log(items_of({"a"}, 1), step);
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (rank.rows.size() < 12 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        rank.poll();
      }
      // Two rows of the last window wait for their seal.
      CHECK(rank.rows.size() >= 10);
    }
    (void)rank.flush();
    if (comm.rank() == 0) CHECK(rank.rows.at({1, "a", 5, 0}).statistics.count == 1);
  });
}
