// What was delivered: its file, hostile ones included, and where a delivery goes on.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include "ranklog/error.hpp"
#include "support/scratch_directory.hpp"
#include "sync/pace.hpp"
#include "sync/resume_point.hpp"
#include "tracking/delivery_note.hpp"
#include "tracking/delivery_state.hpp"
#include "unit/hdf5_support.hpp"

namespace {

using namespace ranklog;
using namespace ranklog::test_support;
using tracking::DeliveryState;
using tracking::JobDelivery;

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr const char* run_id = "0123456789abcdef";

DeliveryState some_state() {
  DeliveryState state;
  state.run_id = run_id;
  state.attempt = 2;
  state.n_rows = {{"train/loss", 70}, {"späße = 3 4", 0}, {"a=b", 5}};
  state.jobs = {{0, lowest, 10}, {1, 5, JobDelivery::everything}};
  state.told_status = "failed";
  return state;
}

// 20 rows of `loss` at steps 0 to 19 and of `rare` at steps 0, 5, 10, 15.
void log_rows(Run& run, std::int64_t first = 0) {
  for (std::int64_t step = first; step < 20; ++step) {
    run.log(step, {run.make.real("loss", static_cast<double>(step))});
    if (step % 5 == 0) run.log(step, {run.make.real("rare", 1)});
  }
}

}  // namespace

TEST_CASE("a delivery state reads back as it was written, and no part of its text reads at all") {
  const auto text = tracking::to_text(some_state());
  CHECK(tracking::parse_delivery(text) == some_state());
  for (std::size_t n = 0; n < text.size(); ++n) {
    CHECK_FALSE(tracking::parse_delivery(text.substr(0, n)));
  }
  CHECK_FALSE(tracking::parse_delivery(text + "\n"));
  CHECK(tracking::parse_delivery("ranklog_sync=1\nof_a_newer_version=7\nend=1\n"));
}

TEST_CASE("hostile delivery states are refused or read, and never more") {
  for (const char* const line :
       {"rows=-1 loss", "rows=7", "rows=7 ", "rows=99999999999999999999 loss", "attempt=-1",
        "attempt=3000000000", "job=1 2", "job=1 2 3 4", "job=x", "attempt=1 2", "nothing", ""}) {
    CAPTURE(line);
    CHECK_FALSE(tracking::parse_delivery(std::string("ranklog_sync=1\n") + line + "\nend=1\n"));
  }
  std::mt19937 random(7);
  const auto text = tracking::to_text(some_state());
  for (int i = 0; i < 2000; ++i) {
    auto broken = text;
    for (int n = 0; n < 3; ++n) broken[random() % broken.size()] = static_cast<char>(random());
    CHECK_NOTHROW((void)tracking::parse_delivery(broken));
  }
}

TEST_CASE("a state file that is damaged or of another run is an error that says what to do") {
  const ScratchDirectory directory;
  const auto file = tracking::delivery_file(directory.path(), "a/b c");
  CHECK(file.filename() == "sync-a%2Fb%20c.state");
  CHECK_FALSE(tracking::read_delivery(file, run_id));
  tracking::write_delivery(file, some_state());
  CHECK(tracking::read_delivery(file, run_id) == some_state());
  CHECK_THROWS_WITH_AS((void)tracking::read_delivery(file, "feed"),
                       doctest::Contains("of another run"), FileFormatError);
  directory.write(file.filename(), "ranklog_sync=1\nrun_id=0");
  CHECK_THROWS_WITH_AS((void)tracking::read_delivery(file, run_id),
                       doctest::Contains("remove it to deliver the whole run again"),
                       FileFormatError);
}

TEST_CASE("a delivery goes on behind what arrived, or at the step that may be torn") {
  Run run;
  log_rows(run);
  run.finish();
  const RunReader reader(run.file());
  DeliveryState state;
  state.n_rows = {{"loss", 11}, {"rare", 2}};  // steps 0 to 10; 0 and 5, so step 10 is torn
  const auto point = sync::find_resume_point(reader, state);
  CHECK_FALSE(point.has_all);
  CHECK(point.delivered == sync::Position{{"loss", 11}, {"rare", 2}});
  CHECK(point.from_step == 10);
  CHECK(point.kept == sync::Position{{"loss", 10}, {"rare", 2}});
  CHECK_FALSE(sync::find_resume_point(reader, {}).has_all);
  state.n_rows = {{"loss", 20}, {"rare", 400}};
  CHECK(sync::find_resume_point(reader, state).has_all);
}

TEST_CASE("what a job delivered counts as far as its note says") {
  Run run;
  log_rows(run);
  run.finish();
  const RunReader reader(run.file());
  DeliveryState state;
  state.jobs = {{0, lowest, 7}};
  auto point = sync::find_resume_point(reader, state);
  CHECK(point.delivered == sync::Position{{"loss", 7}, {"rare", 2}});
  state.jobs.push_back({0, 9, JobDelivery::everything});  // steps 7 and 8 are still left
  point = sync::find_resume_point(reader, state);
  CHECK(point.delivered == sync::Position{{"loss", 7}, {"rare", 2}});
  state.jobs = {{0, lowest, JobDelivery::everything}};
  CHECK(sync::find_resume_point(reader, state).has_all);
}

TEST_CASE("what a later attempt replaced has not arrived") {
  Run run;
  log_rows(run);
  run.finish();
  trackers::Hdf5Tracker again;
  auto context = context_in(run.directory.path());
  context.is_resumed = true;
  context.attempt = 1;
  context.from_step = 12;
  again.start(context);
  again.log(RecordMaker::record(12, {run.make.real("loss", -1)}), {});
  again.finish({});
  const RunReader reader(run.file());
  DeliveryState state;
  state.n_rows = {{"loss", 20}, {"rare", 4}};
  const auto point = sync::find_resume_point(reader, state);
  CHECK(point.delivered == sync::Position{{"loss", 12}, {"rare", 3}});
  CHECK(point.from_step == 11);
  state.attempt = 1;
  CHECK(sync::find_resume_point(reader, state).has_all);
}

TEST_CASE("the pace is kept, and a pause saves up no burst") {
  using Clock = sync::Pace::Clock;
  const auto begin = Clock::time_point(std::chrono::hours(1));
  sync::Pace pace(100, begin);
  Clock::duration longest{};
  for (int i = 0; i <= 100; ++i) longest = std::max(longest, pace.next(begin));
  CHECK(longest == std::chrono::seconds(1));
  const auto later = begin + std::chrono::hours(1);
  for (int i = 0; i < 50; ++i) longest = pace.next(later);
  CHECK(longest > std::chrono::milliseconds(400));
  sync::Pace none(0, begin);
  CHECK(none.next(begin) == Clock::duration{});
}

TEST_CASE("the line that delivers the rest is one that a shell takes, without secrets") {
  CHECK(tracking::shell_word("/runs/a-b_1.2") == "/runs/a-b_1.2");
  CHECK(tracking::shell_word("") == "''");
  CHECK(tracking::shell_word("it's $HOME") == "'it'\\''s $HOME'");
  const ScratchDirectory directory;
  auto context = context_in(directory.path());
  context.options = {{"description", "a job"},  {"tracking_uri", "https://me:hush@host"},
                     {"api_key", "hush"},       {"statistics", true},
                     {"run_name", "7"},         {"tags", Config{{"team", "flow"}}},
                     {"request_timeout_s", 2.5}};
  auto note = tracking::DeliveryNote::begin("console", context);
  REQUIRE(note);
  CHECK(note->command() ==
        "ranklog sync " + directory.path().string() +
            " --to console --option 'description=a job' --option statistics=true --option "
            "'run_name=\"7\"' --option 'tags={\"team\": \"flow\"}' --option request_timeout_s=2.5");
  note->end(8, "");
  const auto state =
      tracking::read_delivery(tracking::delivery_file(directory.path(), "console"), context.run_id);
  REQUIRE(state);
  CHECK(state->jobs == std::vector<JobDelivery>{{0, lowest, 8}});
  CHECK_FALSE(tracking::DeliveryNote::begin("somebody's own", context));
}
