// Rows on their way up the tree: who is counted when ranks do not all do the same.
#include "reduce/exchange.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "ranklog/testing.hpp"
#include "unit/reduce_program.hpp"

using namespace ranklog::test_support;  // NOLINT: a test
using ranklog::Communicator;
using ranklog::reduce::Exchange;
using ranklog::reduce::ExchangeOptions;
using ranklog::reduce::RankFailure;

namespace {

const std::vector<std::size_t> rank_counts{1, 2, 3, 4, 5, 8, 16, 33, 64};

// Rows wait for a drain or for all ranks, so that a busy machine changes nothing.
ExchangeOptions patient() {
  ExchangeOptions options;
  options.window_rows = 4;
  options.first_sight_s = 1e9;
  options.late_s = 1e9;
  return options;
}

Program lockstep(std::size_t n_ranks, std::int64_t n_steps) {
  Program program(n_ranks);
  for (std::size_t r = 0; r < n_ranks; ++r) {
    for (std::int64_t step = 0; step < n_steps; ++step) {
      const double value = std::sin(static_cast<double>(r) * 1.7 + static_cast<double>(step));
      program[r].push_back({.step = step, .entries = {{"loss", value}, {"x/y", 2 * value}}});
    }
  }
  return program;
}

void check_against_reference(const Program& program) {
  require_same_statistics(run(program, patient()), reference(program));
}

std::int64_t count_of(const Outcome& outcome, const std::string& key, std::int64_t step) {
  const auto found = outcome.cells.find({0, key, step, 0});
  return found == outcome.cells.end() ? 0 : found->second.numbers.moments.count;
}

}  // namespace

TEST_CASE("ranks in lockstep give what a sequential merge gives, at 1 to 64 ranks") {
  for (const auto n_ranks : rank_counts) {
    CAPTURE(n_ranks);
    check_against_reference(lockstep(n_ranks, 10));
  }
}

TEST_CASE("a rank that logs ten more steps has them counted as its own") {
  for (const auto n_ranks : rank_counts) {
    CAPTURE(n_ranks);
    auto program = lockstep(n_ranks, 5);
    const auto longest = n_ranks / 2;
    for (std::int64_t step = 5; step < 15; ++step) {
      program[longest].push_back({.step = step, .entries = {{"loss", 1.0}}});
    }
    const auto outcome = run(program, patient());
    require_same_statistics(outcome, reference(program));
    CHECK(count_of(outcome, "loss", 4) == static_cast<std::int64_t>(n_ranks));
    CHECK(count_of(outcome, "loss", 14) == 1);
  }
}

TEST_CASE("rank 0 alone may log") {
  for (const auto n_ranks : rank_counts) {
    Program program(n_ranks);
    program[0] = lockstep(1, 10)[0];
    check_against_reference(program);
  }
}

TEST_CASE("a rank that is not rank 0 may be the only one that logs") {
  for (const auto n_ranks : rank_counts) {
    Program program(n_ranks);
    program.back() = lockstep(1, 10)[0];
    check_against_reference(program);
  }
}

TEST_CASE("nobody needs to log") { check_against_reference(Program(5)); }

TEST_CASE("a key that one rank alone has is counted once, wherever that rank is") {
  for (const auto n_ranks : rank_counts) {
    for (const auto owner : {std::size_t{0}, n_ranks / 3, n_ranks - 1}) {
      CAPTURE(n_ranks);
      CAPTURE(owner);
      auto program = lockstep(n_ranks, 4);
      for (auto& action : program[owner]) action.entries.push_back({"mine", 5});
      const auto outcome = run(program, patient());
      require_same_statistics(outcome, reference(program));
      CHECK(count_of(outcome, "mine", 3) == 1);
      CHECK(count_of(outcome, "loss", 3) == static_cast<std::int64_t>(n_ranks));
    }
  }
}

TEST_CASE("a key that appears late, and on each rank at another step, is counted where it is") {
  for (const auto n_ranks : rank_counts) {
    auto program = lockstep(n_ranks, 12);
    for (std::size_t r = 0; r < n_ranks; ++r) {
      for (auto& action : program[r]) {
        if (action.step >= 6 + static_cast<std::int64_t>(r % 4))
          action.entries.push_back({"late", 1});
      }
    }
    const auto outcome = run(program, patient());
    require_same_statistics(outcome, reference(program));
    CHECK(count_of(outcome, "late", 5) == 0);
    CHECK(count_of(outcome, "late", 11) == static_cast<std::int64_t>(n_ranks));
  }
}

TEST_CASE("every second rank logs every second step") {
  for (const auto n_ranks : rank_counts) {
    auto program = lockstep(n_ranks, 10);
    for (std::size_t r = 1; r < n_ranks; r += 2) {
      std::erase_if(program[r], [](const Action& action) { return action.step % 2 == 1; });
    }
    check_against_reference(program);
  }
}

TEST_CASE("NaN is counted with the lowest rank that had it, at every placement") {
  for (std::size_t n_ranks = 1; n_ranks <= 9; ++n_ranks) {
    for (std::size_t where = 0; where < n_ranks; ++where) {
      auto program = lockstep(n_ranks, 1);
      program[where][0].entries[0].value = std::nan("");
      const auto outcome = run(program, patient());
      require_same_statistics(outcome, reference(program));
      const auto& moments = outcome.cells.at({0, "loss", 0, 0}).numbers.moments;
      CHECK(moments.nan_count == 1);
      CHECK(moments.first_nan_rank == static_cast<std::int32_t>(where));
    }
  }
}

TEST_CASE("rows of all ranks reach rank 0 before anybody drains") {
  ranklog::testing::run_ranks(4, [](const Communicator& comm) {
    RowSource source(comm.rank());
    auto options = patient();
    options.window_rows = 1;
    Exchange exchange(comm, source.keys(), options);
    auto row = source.row(0);
    source.add_real(row, "a", 1);
    exchange.submit(std::move(row));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    std::size_t n_settled = 0;
    std::int64_t is_done = 0;
    while (is_done == 0 && std::chrono::steady_clock::now() < deadline) {
      exchange.poll();
      n_settled += exchange.take_settled().size();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      is_done = n_settled > 0 ? 1 : 0;
      comm.all_reduce(std::span(&is_done, 1), Communicator::Op::max);
    }
    CHECK(is_done == 1);
    CHECK(exchange.drain(ranklog::reduce::DrainReason::flush).conflicts.empty());
  });
}

TEST_CASE("a key that is new to rank 0 waits for the others, however long the run has lasted") {
  for (const int late_rank : {0, 1}) {
    CAPTURE(late_rank);
    std::size_t n_rows = 0;
    ranklog::testing::run_ranks(2, [&](const Communicator& comm) {
      RowSource source(comm.rank());
      ExchangeOptions options;
      options.first_sight_s = 0.4;
      options.flush_interval_s = 0.01;
      Exchange exchange(comm, source.keys(), options);
      const auto sleep_ms = [](int ms) {
        std::this_thread::sleep_for(std::chrono::milliseconds(ms));
      };
      sleep_ms(500);  // longer than the first-sight time, before the key exists
      if (comm.rank() == late_rank) sleep_ms(100);
      auto row = source.row(0);
      source.add_real(row, "validation", 1);
      exchange.submit(std::move(row));
      for (int i = 0; i < 10; ++i) {
        sleep_ms(5);
        exchange.poll();
      }
      (void)exchange.drain(ranklog::reduce::DrainReason::flush);
      if (comm.rank() == 0) n_rows = exchange.take_settled().size();
    });
    CHECK(n_rows == 1);
  }
}

TEST_CASE("ranks that contradict each other all learn the same list of conflicts") {
  for (const int n_ranks : {2, 3, 8, 33}) {
    std::vector<std::vector<std::string>> seen(static_cast<std::size_t>(n_ranks));
    ranklog::testing::run_ranks(n_ranks, [&](const Communicator& comm) {
      RowSource source(comm.rank());
      Exchange exchange(comm, source.keys(), patient());
      auto row = source.row(0);
      if (comm.rank() == n_ranks - 1) {
        source.add_integer(row, "type", 1).add_real(row, "how", 1, ranklog::Reduction::max);
      } else {
        source.add_real(row, "type", 1).add_real(row, "how", 1, ranklog::Reduction::sum);
      }
      exchange.submit(std::move(row));
      for (const auto& conflict : exchange.drain(ranklog::reduce::DrainReason::flush).conflicts) {
        seen[static_cast<std::size_t>(comm.rank())].push_back(conflict.text);
      }
      CHECK(exchange.drain(ranklog::reduce::DrainReason::flush).conflicts.empty());
    });
    CHECK(seen[0].size() == 2);
    CHECK(std::all_of(seen.begin(), seen.end(), [&](const auto& s) { return s == seen[0]; }));
  }
}

TEST_CASE("the lowest rank that failed is named to all") {
  std::vector<std::int32_t> named(9, -1);
  ranklog::testing::run_ranks(9, [&](const Communicator& comm) {
    RowSource source(comm.rank());
    Exchange exchange(comm, source.keys(), patient());
    std::optional<RankFailure> failure;
    if (comm.rank() == 5 || comm.rank() == 7) failure = RankFailure{comm.rank(), "it left"};
    const auto outcome = exchange.drain(ranklog::reduce::DrainReason::end, failure);
    REQUIRE(outcome.failure.has_value());
    named[static_cast<std::size_t>(comm.rank())] = outcome.failure->rank;
    CHECK(outcome.failure->reason == "it left");
    CHECK_FALSE(exchange.drain(ranklog::reduce::DrainReason::flush).failure.has_value());
  });
  CHECK(std::all_of(named.begin(), named.end(), [](auto rank) { return rank == 5; }));
}

TEST_CASE("a rank that waits too long says whom it waits for, and when that one is back") {
  std::vector<std::string> reports;
  ranklog::testing::run_ranks(2, [&](const Communicator& comm) {
    RowSource source(comm.rank());
    auto options = patient();
    options.watchdog.time = std::chrono::milliseconds(50);
    options.report = [&](const std::string& text) { reports.push_back(text); };
    Exchange exchange(comm, source.keys(), options);
    if (comm.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(300));
    (void)exchange.drain(ranklog::reduce::DrainReason::flush);
    exchange.close();
  });
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].find("rank 1 has made no call to ranklog for") == 0);
  CHECK(reports[1].find("rank 1 is back after") == 0);
}

TEST_CASE("what the parent does not take is bounded, and the rank that waits says so") {
  std::vector<std::string> reports;
  std::size_t n_rows = 0;
  ranklog::testing::run_ranks(2, [&](const Communicator& comm) {
    RowSource source(comm.rank());
    auto options = patient();
    options.max_unsent_bytes = 10'000;
    options.watchdog.time = std::chrono::milliseconds(50);
    options.report = [&](const std::string& text) { reports.push_back(text); };
    Exchange exchange(comm, source.keys(), options);
    if (comm.rank() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(200));
    for (int step = 0; step < 100 && comm.rank() == 1; ++step) {
      auto row = source.row(step);
      source.add_text(row, "text", std::string(1000, 'x'));
      exchange.submit(std::move(row));
    }
    (void)exchange.drain(ranklog::reduce::DrainReason::flush);
    if (comm.rank() == 0) n_rows = exchange.take_settled().size();
    exchange.close();
  });
  CHECK(n_rows == 100);
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].find("rank 0 has made no call to ranklog for") == 0);
  CHECK(reports[1].find("rank 0 is back after") == 0);
}
