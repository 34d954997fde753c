// Ranks that go on without one that is missing: the end comes for all, in time, also for that one.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "ranklog/error.hpp"
#include "ranklog/testing.hpp"
#include "reduce/exchange.hpp"
#include "support/rows.hpp"

using ranklog::Communicator;
using ranklog::WatchdogPolicy;
using ranklog::reduce::DrainReason;
using ranklog::reduce::Exchange;
using ranklog::reduce::ExchangeOptions;
using ranklog::test_support::RowSource;

namespace {

constexpr int n_steps = 10;
// Far apart, so that a machine with other things to do does not look like a missing rank.
constexpr std::chrono::milliseconds watchdog_time{500};
constexpr std::chrono::milliseconds away{3000};

struct Course {
  std::vector<std::int32_t> counts;   // of rank 0's rows, in order
  std::vector<std::string> said;      // on any rank
  std::vector<bool> is_cut_off;       // index: rank
  std::vector<double> ended_after_s;  // index: rank
};

struct Case {
  int n_ranks;
  int missing;
  bool names_missing(const std::string& line) const {
    return line.find("rank " + std::to_string(missing) + " on here has made no call") == 0;
  }
};

// One rank is away after half of its steps; the others log all theirs and end.
Course run_without(Case the_case, WatchdogPolicy policy) {
  const auto [n_ranks, missing] = the_case;
  Course course;
  course.is_cut_off.resize(static_cast<std::size_t>(n_ranks));
  course.ended_after_s.resize(static_cast<std::size_t>(n_ranks));
  std::mutex mutex;
  ranklog::testing::run_ranks(n_ranks, [&, missing = missing](const Communicator& comm) {
    const auto started = std::chrono::steady_clock::now();
    RowSource source(comm.rank());
    ExchangeOptions options;
    options.window_rows = 1;
    options.watchdog = {watchdog_time, policy};
    options.host = "here";
    options.report = [&](const std::string& text) {
      const std::lock_guard lock(mutex);
      course.said.push_back(text);
    };
    Exchange exchange(comm, source.keys(), options);
    for (int step = 0; step < n_steps; ++step) {
      if (comm.rank() == missing && step == n_steps / 2) std::this_thread::sleep_for(away);
      auto row = source.row(step);
      source.add_real(row, "loss", 1);
      exchange.note_log(step, true, ranklog::SourceLocation::current());
      exchange.submit(std::move(row));
    }
    const auto outcome = exchange.drain(DrainReason::end);
    const auto rank = static_cast<std::size_t>(comm.rank());
    for (const auto& row : exchange.take_settled()) course.counts.push_back(row.cells[0].n_ranks);
    exchange.close();
    const std::lock_guard lock(mutex);
    course.is_cut_off[rank] = outcome.is_cut_off;
    course.ended_after_s[rank] =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  });
  return course;
}

// All at once: they mostly sleep.
std::vector<Course> run_all(const std::vector<Case>& cases, WatchdogPolicy policy) {
  std::vector<std::future<Course>> running;
  for (const auto& the_case : cases) {
    running.push_back(
        std::async(std::launch::async, [=] { return run_without(the_case, policy); }));
  }
  std::vector<Course> courses;
  for (auto& course : running) courses.push_back(course.get());
  return courses;
}

}  // namespace

TEST_CASE("ranks that carry on end without the missing one, wherever it is") {
  const std::vector<Case> cases{{2, 1}, {4, 1}, {4, 2}, {4, 3}, {7, 4}};
  const auto courses = run_all(cases, WatchdogPolicy::carry_on);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto [n_ranks, missing] = cases[i];
    const Course& course = courses[i];
    CAPTURE(n_ranks);
    CAPTURE(missing);
    CHECK(course.is_cut_off[static_cast<std::size_t>(missing)]);
    CHECK_FALSE(course.is_cut_off[0]);
    for (int rank = 0; rank < n_ranks; ++rank) {
      if (rank != missing) CHECK(course.ended_after_s[static_cast<std::size_t>(rank)] < 2.9);
    }
    REQUIRE(course.counts.size() >= n_steps);
    // What a rank with others behind it had of theirs depends on when it stopped.
    if (missing % 2 == 1) CHECK(course.counts[0] == n_ranks);
    CHECK(course.counts.back() < n_ranks);
    CHECK(std::count_if(course.said.begin(), course.said.end(), [&](const std::string& line) {
            return cases[i].names_missing(line);
          }) == 1);
  }
}

TEST_CASE("ranks that carry on end without rank 0, which finds what they had sent") {
  const std::vector<Case> cases{{2, 0}, {4, 0}, {7, 0}};
  const auto courses = run_all(cases, WatchdogPolicy::carry_on);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Course& course = courses[i];
    CAPTURE(cases[i].n_ranks);
    CHECK_FALSE(course.is_cut_off[0]);
    for (std::size_t rank = 1; rank < course.is_cut_off.size(); ++rank) {
      CHECK(course.is_cut_off[rank]);
      CHECK(course.ended_after_s[rank] < 2.9);
    }
    CHECK(course.counts.size() >= n_steps);
    CHECK(std::count_if(course.said.begin(), course.said.end(), [&](const std::string& line) {
            return cases[i].names_missing(line);
          }) == 1);
  }
}

TEST_CASE("ranks that wait have all rows in full once the missing one is back") {
  const std::vector<Case> cases{{4, 0}, {4, 1}, {4, 2}, {4, 3}};
  const auto courses = run_all(cases, WatchdogPolicy::wait);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(cases[i].missing);
    CHECK(courses[i].counts == std::vector<std::int32_t>(n_steps, 4));
    REQUIRE(courses[i].said.size() == 2);
    CHECK(cases[i].names_missing(courses[i].said[0]));
    CHECK(courses[i].said[1].find("is back after") != std::string::npos);
  }
}

TEST_CASE("a job is aborted by the rank that says why") {
  for (const int missing : {0, 3}) {
    CAPTURE(missing);
    CHECK_THROWS_WITH_AS(
        (void)run_without({4, missing}, WatchdogPolicy::abort),
        missing == 0 ? "the job was aborted by rank 1" : "the job was aborted by rank 0",
        ranklog::CommunicationError);
  }
}
