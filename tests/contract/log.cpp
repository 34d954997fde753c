// Rows L9 to L15 of docs/tracking_contract.md: what log() does with values and trackers.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "contract/contract_test.hpp"
#include "mpi/mpi_test.hpp"
#include "ranklog/ranklog.hpp"

using namespace ranklog;
using namespace ranklog::contract;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;

namespace {

bool is_main() { return world_rank() == 0; }

// The only row of a key on the main process.
Metric only_row(const RecordingTracker& tracker, std::string_view key) {
  const auto rows = tracker.kept().series(key);
  REQUIRE(rows.size() == 1);
  return rows.front();
}

}  // namespace

TEST_CASE("L9: log with Scope::main_process needs no other rank") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project");
  // Rank 0 alone waits for its trackers here; a hidden collective would hang.
  if (is_main()) {
    for (int step = 0; step < 100; ++step) {
      accelerator.log({{"loss", 0.5 * step}}, step, {.scope = Scope::main_process});
    }
    accelerator.get_tracker("recording").flush();
    CHECK(tracker->n_records() == 100);
  }
  accelerator.log({{"loss", 1e9}}, 100, {.scope = Scope::main_process});
  accelerator.end_training();
  if (!is_main()) return;
  const auto rows = tracker->kept().series("loss");
  REQUIRE(rows.size() == 101);
  CHECK(rows[99].value == 49.5);
  CHECK(rows[100].statistics.count == 1);
  CHECK(tracker->kept().records()[100].n_ranks == 1);
}

TEST_CASE("L9: log on the main process alone does not hang and counts one rank") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project");
  for (int step = 0; step < 200; ++step) {
    if (accelerator.is_main_process()) accelerator.log({{"loss", 1.0 * step}}, step);
  }
  accelerator.end_training();
  if (!is_main()) return;
  const auto rows = tracker->kept().series("loss");
  REQUIRE(rows.size() == 200);
  CHECK(rows[199].value == 199.0);
  CHECK(rows[199].statistics.count == 1);
  CHECK(rows[199].statistics.max_rank == 0);
}

TEST_CASE("L10: log before init_trackers throws on every rank") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  const Failure failure = failure_of([&] { accelerator.log({{"loss", 1.0}}, 0); });
  CHECK(failure.code == ErrorCode::usage);
  CHECK(failure.says("before init_trackers()"));
  CHECK(failure_of([&] { accelerator.flush(); }).code == ErrorCode::usage);
  accelerator.init_trackers("project");
  accelerator.log({{"loss", 2.0}}, 0);
  accelerator.end_training();
  if (is_main()) CHECK(only_row(*tracker, "loss").value == 2.0);
}

TEST_CASE("L10: log after end_training throws on every rank and reaches no tracker") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project");
  accelerator.end_training();
  const Failure failure = failure_of([&] { accelerator.log({{"loss", 1.0}}, 0); });
  CHECK(failure.code == ErrorCode::usage);
  CHECK(failure.says("after end_training()"));
  const auto scoped = [&] { accelerator.log({{"a", 1}}, 0, {.scope = Scope::main_process}); };
  CHECK(failure_of(scoped).code == ErrorCode::usage);
  CHECK(tracker->n_records() == 0);
}

TEST_CASE("L11: options of a log call reach all trackers of that name and no others") {
  const auto one = recording({.name = "twin"});
  const auto two = recording({.name = "twin"});
  const auto other = recording({.name = "other"});
  Accelerator accelerator({.log_with = {one, two, other}});
  accelerator.init_trackers("project");
  const Config with{{"commit", false}};
  for (int step = 0; step < 3; ++step) {
    LogOptions options;
    if (step == 1) options.tracker_options = {{"twin", with}, {"absent", {{"a", 1}}}};
    accelerator.log({{"loss", 1.0 * world_rank()}}, step, options);
  }
  accelerator.end_training();
  if (!is_main()) return;
  const std::vector<Config> expected{{}, with, {}};
  CHECK(one->kept().log_options() == expected);
  CHECK(two->kept().log_options() == expected);
  CHECK(other->kept().log_options() == std::vector<Config>{{}, {}, {}});
}

TEST_CASE("L12: log needs no options") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project");
  accelerator.log({{"loss", 1.0}});
  accelerator.log({{"loss", 1.0}}, std::nullopt, {});
  accelerator.end_training();
  CHECK(tracker->n_records() == (is_main() ? 2 : 0));
}

TEST_CASE("L13: a tracker that throws starves no other, and the closing summary counts it") {
  for (const std::string method : {"config", "log", "flush", "finish"}) {
    INFO(method);
    const auto broken = recording({.name = "broken", .fails_in = method});
    const auto healthy = recording({.name = "healthy"});
    const std::string text = printed(STDERR_FILENO, [&] {
      Accelerator accelerator({.log_with = {broken, healthy}});
      accelerator.init_trackers("project", {{"n", 1}});
      for (int step = 0; step < 5; ++step) accelerator.log({{"loss", 1.0}}, step);
      accelerator.flush();
      accelerator.end_training();
    });
    CHECK(healthy->n_records() == (is_main() ? 5 : 0));
    CHECK(healthy->kept().configurations().size() == (is_main() ? 1 : 0));
    CHECK(healthy->kept().outcome().has_value() == is_main());
    const int n_failures = method == "log" ? 5 : 1;
    const std::string summary = "tracker 'broken' failed " + std::to_string(n_failures) + " time";
    CHECK(n_occurrences(text, summary) == 1);
    CHECK(n_occurrences(text, "was refused") == 2);  // once at once, once in the summary
  }
}

TEST_CASE("L13: an exception that is no std::exception is kept from the job too") {
  struct ThrowsNumber final : RecordingTracker {
    ThrowsNumber() : RecordingTracker({.name = "number"}) {}
    void log(const Record&, const Config&) override { throw 42; }
  };
  const auto healthy = recording({.name = "healthy"});
  const std::string text = printed(STDERR_FILENO, [&] {
    Accelerator accelerator({.log_with = {std::make_shared<ThrowsNumber>(), healthy}});
    accelerator.init_trackers("project");
    accelerator.log({{"loss", 1.0}}, 0);
    accelerator.end_training();
  });
  CHECK(healthy->n_records() == (is_main() ? 1 : 0));
  CHECK(text.find("no std::exception") != std::string::npos);
}

TEST_CASE("L14: a number is reduced over the ranks, with who was counted") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project");
  accelerator.log({{"loss", 1.0 + world_rank()}, {"samples", sum(10)}}, 3);
  accelerator.end_training();
  if (!is_main()) return;
  REQUIRE(tracker->n_records() == 1);
  const Record record = tracker->kept().records()[0];
  const double n = world_size();
  CHECK(record.step == 3);
  CHECK(record.row_step == 3);
  CHECK(record.n_ranks == world_size());
  const Metric loss = only_row(*tracker, "loss");
  CHECK(loss.value == doctest::Approx((n + 1) / 2));
  CHECK(loss.statistics.count == world_size());
  CHECK(loss.statistics.min == 1.0);
  CHECK(loss.statistics.min_rank == 0);
  CHECK(loss.statistics.max == n);
  CHECK(loss.statistics.max_rank == world_size() - 1);
  CHECK(only_row(*tracker, "samples").integer_value == 10 * world_size());
}

TEST_CASE("L14: a step that goes back throws on that rank at once and logs nothing") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project");
  accelerator.log({{"loss", 1.0}}, 5);
  const auto back = [&] { accelerator.log({{"loss", 2.0}, {"other", 2.0}}, 4); };
  CHECK(failure_of(back).code == ErrorCode::invalid_step);
  accelerator.end_training();
  CHECK(tracker->n_records() == (is_main() ? 1 : 0));
  CHECK(tracker->kept().series("other").empty());
}

TEST_CASE("L15: whole numbers, reals, booleans, text, spans and nested dictionaries are values") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project");
  const std::vector<float> gradient{1.0F, 3.0F};
  const std::string note = "rank " + std::to_string(world_rank());
  Dict layers;
  layers.set("first", 0.25).set("second", std::span(gradient));
  accelerator.log({{"epoch", max(std::int16_t{7})},
                   {"loss", 0.5F},
                   {"converged", all(true)},
                   {"note", note},
                   {"gradient", gradient},
                   {"eval", {{"loss", 2.0}, {"top", {{"k", max(5U)}}}}},
                   {"layers", layers}},
                  0);
  accelerator.end_training();
  if (!is_main()) return;
  CHECK(only_row(*tracker, "epoch").integer_value == 7);
  CHECK(only_row(*tracker, "loss").value == 0.5);
  CHECK(only_row(*tracker, "converged").integer_value == 1);
  CHECK(only_row(*tracker, "note").text == "rank 0");
  const Metric spread = only_row(*tracker, "gradient");
  CHECK(spread.value == 2.0);
  CHECK(spread.statistics.count == 2 * world_size());
  CHECK(only_row(*tracker, "eval/loss").value == 2.0);
  CHECK(only_row(*tracker, "eval/top/k").integer_value == 5);
  CHECK(only_row(*tracker, "layers/first").value == 0.25);
  CHECK(only_row(*tracker, "layers/second").value == 2.0);
}
