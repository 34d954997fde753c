// Delivery to trackers: order, shielding, waiting, ending.
#include "tracking/dispatch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ranklog/error.hpp"
#include "support/captured_stderr.hpp"
#include "support/error_of.hpp"
#include "support/scripted_tracker.hpp"
#include "tracking/shield.hpp"

using ranklog::Config;
using ranklog::ErrorCode;
using ranklog::IoError;
using ranklog::Record;
using ranklog::RunStatus;
using ranklog::ThreadAffinity;
using ranklog::TrackerContext;
using ranklog::test_support::CapturedStderr;
using ranklog::test_support::error_of;
using ranklog::test_support::Script;
using ranklog::test_support::ScriptedTracker;
using ranklog::tracking::Audience;
using ranklog::tracking::Dispatch;
using ranklog::tracking::ReportLimit;
using ranklog::tracking::Selected;
using ranklog::tracking::Shield;
using ranklog::tracking::TrackerOptions;
using Clock = std::chrono::steady_clock;
using Calls = std::vector<std::string>;

namespace {

std::shared_ptr<ScriptedTracker> make(Script script = {}) {
  return std::make_shared<ScriptedTracker>(std::move(script));
}

// A dispatch over these trackers, not started.
std::unique_ptr<Dispatch> dispatch_over(
    const std::vector<std::shared_ptr<ScriptedTracker>>& trackers) {
  std::vector<Selected> selected;
  for (const auto& tracker : trackers) selected.push_back({tracker->name(), tracker, true});
  return std::make_unique<Dispatch>(std::move(selected), nullptr);
}

TrackerContext context_for(const Selected& selected) {
  TrackerContext context;
  context.run_name = "run of " + selected.name;
  return context;
}

void start(Dispatch& dispatch, const Config* config = nullptr) {
  dispatch.start(context_for, config);
}

std::shared_ptr<const Record> record(std::int64_t step) {
  auto result = std::make_shared<Record>();
  result->row_step = step;
  return result;
}

void submit(Dispatch& dispatch, int n_records, Audience audience = Audience::main_process) {
  for (int i = 0; i < n_records; ++i) dispatch.submit(record(i), nullptr, audience);
}

}  // namespace

TEST_CASE("records arrive complete and in order, from a thread that is not the caller's") {
  const auto tracker = make();
  const auto dispatch = dispatch_over({tracker});
  start(*dispatch);
  submit(*dispatch, 1000);
  dispatch->finish({});
  const auto records = tracker->records();
  REQUIRE(records.size() == 1000);
  for (std::size_t i = 0; i < records.size(); ++i)
    REQUIRE(records[i].row_step == static_cast<std::int64_t>(i));
  CHECK(tracker->threads().size() == 1);
  CHECK_FALSE(tracker->threads().contains(std::this_thread::get_id()));
}

TEST_CASE("a tracker that asks for it is called on the caller's thread, at once") {
  const auto tracker = make({.affinity = ThreadAffinity::caller});
  const auto dispatch = dispatch_over({tracker});
  start(*dispatch);
  submit(*dispatch, 3);
  CHECK(tracker->records().size() == 3);
  CHECK(tracker->threads().contains(std::this_thread::get_id()));
  dispatch->flush();
  CHECK(tracker->count("flush") == 1);
}

TEST_CASE("start, then the configuration once, then the rest; finish comes last") {
  const auto tracker = make();
  const auto dispatch = dispatch_over({tracker});
  const Config config{{"a", 1}};
  start(*dispatch, &config);
  submit(*dispatch, 1);
  dispatch->flush();
  dispatch->finish({});
  CHECK(tracker->calls() == Calls{"start", "store_init_configuration", "log", "flush", "finish"});
  CHECK(tracker->context().run_name == "run of scripted");
}

TEST_CASE("an exception from any method but start stays with its tracker") {
  for (const std::string method : {"store_init_configuration", "log", "flush", "finish"}) {
    for (const auto affinity : {ThreadAffinity::writer, ThreadAffinity::caller}) {
      CAPTURE(method);
      const CapturedStderr captured;
      const auto bad = make({.name = "bad", .affinity = affinity, .throws_from = {method}});
      const auto good = make({.name = "good", .affinity = affinity});
      const auto dispatch = dispatch_over({bad, good});
      const Config config;
      start(*dispatch, &config);
      submit(*dispatch, 5);
      dispatch->flush();
      dispatch->finish({});
      CHECK(good->records().size() == 5);
      CHECK(good->count("finish") == 1);
      CHECK(bad->count("finish") == 1);
      const auto failures = dispatch->failures();
      REQUIRE(failures.size() == 1);
      CHECK(failures[0].find("tracker 'bad' failed") != std::string::npos);
      CHECK(failures[0].find(method + ": " + method + " refused") != std::string::npos);
      CHECK(captured.text().find("the job and the other trackers go on") != std::string::npos);
    }
  }
}

TEST_CASE("failures are counted one by one and reported at most once a second") {
  const CapturedStderr captured;
  const auto bad = make({.name = "bad", .throws_from = {"log"}});
  const auto dispatch = dispatch_over({bad});
  start(*dispatch);
  const auto begin = Clock::now();
  submit(*dispatch, 500);
  dispatch->finish({});
  const auto seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  CHECK(dispatch->failures().at(0).find("failed 500 times") != std::string::npos);
  const auto text = captured.text();
  const auto n_lines = std::count(text.begin(), text.end(), '\n');
  CHECK(n_lines >= 1);
  CHECK(n_lines <= 1 + static_cast<std::ptrdiff_t>(seconds));
}

TEST_CASE("the closing summary has the first failure and the last, which says what was lost") {
  const CapturedStderr captured;
  Shield shield("hdf5", std::make_shared<ReportLimit>());
  shield.run("log", [] { throw IoError("no space"); });
  CHECK(shield.summary() == "tracker 'hdf5' failed 1 time; first: log: no space");
  shield.run("log", [] { throw IoError("still none"); });
  shield.run("finish", [] { throw IoError("3 rows are lost"); });
  CHECK(shield.summary() ==
        "tracker 'hdf5' failed 3 times; first: log: no space; last: finish: 3 rows are lost");
}

TEST_CASE("a slow tracker does not hold the caller while the queue has room") {
  const auto slow = make({.log_takes = std::chrono::milliseconds(20)});
  const auto dispatch = dispatch_over({slow});
  start(*dispatch);
  const auto begin = Clock::now();
  submit(*dispatch, 20);
  const auto submitted = Clock::now() - begin;
  dispatch->flush();
  CHECK(Clock::now() - begin >= std::chrono::milliseconds(400));
  CHECK(submitted < std::chrono::milliseconds(200));
  CHECK(slow->records().size() == 20);
  CHECK(slow->count("flush") == 1);
}

TEST_CASE("a full queue makes the caller wait and loses nothing") {
  const auto slow = make({.log_takes = std::chrono::microseconds(20)});
  const auto dispatch = dispatch_over({slow});
  start(*dispatch);
  const int n_records = static_cast<int>(Dispatch::capacity) + 500;
  submit(*dispatch, n_records);
  CHECK(slow->records().size() >= 400);  // the rest fits into the queue
  dispatch->finish({});
  CHECK(slow->records().size() == static_cast<std::size_t>(n_records));
}

TEST_CASE("an idle run is flushed by itself") {
  const auto tracker = make();
  const auto dispatch = dispatch_over({tracker});
  start(*dispatch);
  submit(*dispatch, 1);
  const auto deadline = Clock::now() + std::chrono::seconds(20);
  while (tracker->count("flush") == 0 && Clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(tracker->count("flush") == 1);
}

TEST_CASE("each tracker gets the records of its audience and its own options") {
  const auto main = make({.name = "main"});
  const auto every = make({.name = "every", .is_main_process_only = false});
  const auto dispatch = dispatch_over({main, every});
  start(*dispatch);
  CHECK(dispatch->has(Audience::main_process));
  CHECK(dispatch->has(Audience::every_rank));
  const auto options = std::make_shared<const TrackerOptions>(
      TrackerOptions{{"main", Config{{"x", 1}}}, {"unknown", Config{{"y", 2}}}});
  dispatch->submit(record(0), options, Audience::main_process);
  dispatch->submit(record(1), options, Audience::every_rank);
  dispatch->finish({});
  REQUIRE(main->records().size() == 1);
  CHECK(main->options()[0] == Config{{"x", 1}});
  REQUIRE(every->records().size() == 1);
  CHECK(every->records()[0].row_step == 1);
  CHECK(every->options()[0].empty());
}

TEST_CASE("when a tracker cannot start, those that had started are finished as failed") {
  const auto first = make({.name = "first"});
  const auto bad = make({.name = "bad", .throws_from = {"start"}});
  const auto last = make({.name = "last"});
  auto dispatch = dispatch_over({first, bad, last});
  const auto thrown = error_of([&] { start(*dispatch); });
  CHECK(thrown.code == ErrorCode::tracker_failed);
  CHECK(thrown.says("'bad'"));
  CHECK(thrown.says("start refused"));
  CHECK(first->calls() == Calls{"start", "finish"});
  CHECK(first->outcome().status == RunStatus::failed);
  CHECK(last->calls().empty());
  dispatch.reset();
  CHECK(first->count("finish") == 1);
}

TEST_CASE("finishing twice finishes once, and a forgotten end finishes as failed") {
  const auto ended = make();
  auto dispatch = dispatch_over({ended});
  start(*dispatch);
  dispatch->finish({});
  dispatch->finish({RunStatus::failed, "again"});
  dispatch.reset();
  CHECK(ended->count("finish") == 1);
  CHECK(ended->outcome().status == RunStatus::completed);

  const auto forgotten = make();
  dispatch = dispatch_over({forgotten});
  start(*dispatch);
  submit(*dispatch, 10);
  dispatch.reset();
  CHECK(forgotten->records().size() == 10);
  CHECK(forgotten->outcome().status == RunStatus::failed);
}

TEST_CASE("a dispatch that never started finishes nobody") {
  const auto tracker = make();
  dispatch_over({tracker}).reset();
  CHECK(tracker->calls().empty());
}

TEST_CASE("an instance that was selected twice gets every record twice, but starts and ends once") {
  const auto tracker = make();
  const auto dispatch = dispatch_over({tracker, tracker});
  start(*dispatch);
  submit(*dispatch, 3);
  dispatch->finish({});
  CHECK(tracker->count("start") == 1);
  CHECK(tracker->count("log") == 6);
  CHECK(tracker->count("finish") == 1);
}

TEST_CASE("work for one tracker keeps its place among the records") {
  const auto tracker = make();
  const auto dispatch = dispatch_over({tracker});
  start(*dispatch);
  submit(*dispatch, 2);
  std::size_t n_before = 0;
  dispatch->direct(0, "look",
                   [&](ranklog::GeneralTracker&) { n_before = tracker->records().size(); });
  submit(*dispatch, 2);
  dispatch->flush();
  CHECK(n_before == 2);
}
