// Remote trackers: their own thread, a bounded queue, a deadline at the end, an honest summary.
#include "tracking/sender.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/captured_stderr.hpp"
#include "support/scripted_tracker.hpp"
#include "tracking/dispatch.hpp"

using ranklog::Config;
using ranklog::GeneralTracker;
using ranklog::Record;
using ranklog::RunOutcome;
using ranklog::RunStatus;
using ranklog::ThreadAffinity;
using ranklog::TrackerContext;
using ranklog::Undelivered;
using ranklog::test_support::CapturedStderr;
using ranklog::test_support::Script;
using ranklog::test_support::ScriptedTracker;
using ranklog::tracking::Audience;
using ranklog::tracking::Dispatch;
using ranklog::tracking::Selected;
using ranklog::tracking::Sender;
using Clock = std::chrono::steady_clock;
using Calls = std::vector<std::string>;

namespace {

// As a client of a server that does not answer: log() waits until the server is back or cancel().
class WaitingTracker final : public GeneralTracker {
 public:
  explicit WaitingTracker(bool heeds_cancel = true) : heeds_cancel_(heeds_cancel) {}

  [[nodiscard]] std::string name() const override { return "waiting"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  [[nodiscard]] ThreadAffinity thread_affinity() const override { return ThreadAffinity::sender; }
  void log(const Record& record, const Config&) override {
    std::unique_lock lock(mutex_);
    is_waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return is_answered_ || (is_cancelled_ && heeds_cancel_); });
    if (!is_answered_) throw std::runtime_error("no answer");
    steps_.push_back(record.row_step);
  }
  void finish(const RunOutcome&) override {
    const std::lock_guard lock(mutex_);
    is_finished_ = true;
  }
  void cancel() noexcept override {
    const std::lock_guard lock(mutex_);
    is_cancelled_ = true;
    changed_.notify_all();
  }

  void await_call() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_waiting_; });
  }
  void answer() {
    const std::lock_guard lock(mutex_);
    is_answered_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] std::vector<std::int64_t> steps() const {
    const std::lock_guard lock(mutex_);
    return steps_;
  }
  [[nodiscard]] bool is_finished() const {
    const std::lock_guard lock(mutex_);
    return is_finished_;
  }

 private:
  bool heeds_cancel_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_waiting_ = false;
  bool is_answered_ = false;
  bool is_cancelled_ = false;
  bool is_finished_ = false;
  std::vector<std::int64_t> steps_;
};

Script remote_script(std::string name) {
  return {.name = std::move(name), .affinity = ThreadAffinity::sender};
}

std::unique_ptr<Dispatch> dispatch_over(
    const std::vector<std::shared_ptr<GeneralTracker>>& trackers,
    std::chrono::milliseconds deadline = Dispatch::default_remote_deadline) {
  std::vector<Selected> selected;
  for (const auto& tracker : trackers) selected.push_back({tracker->name(), tracker, true});
  auto dispatch = std::make_unique<Dispatch>(std::move(selected), nullptr, deadline);
  const Config config{{"a", 1}};
  dispatch->start([](const Selected&) { return TrackerContext{}; }, &config);
  return dispatch;
}

void submit(Dispatch& dispatch, std::int64_t begin, std::int64_t end) {
  for (auto step = begin; step < end; ++step) {
    auto record = std::make_shared<Record>();
    record->row_step = step;
    dispatch.submit(std::move(record), nullptr, Audience::main_process);
  }
}

bool says(const std::string& line, const std::string& part) {
  return line.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a remote tracker gets everything in order, on a thread of its own, finish() last") {
  const auto remote = std::make_shared<ScriptedTracker>(remote_script("remote"));
  const auto local = std::make_shared<ScriptedTracker>();
  const auto dispatch = dispatch_over({remote, local});
  submit(*dispatch, 0, 1000);
  dispatch->finish({RunStatus::failed, "why"});
  const auto records = remote->records();
  REQUIRE(records.size() == 1000);
  for (std::size_t i = 0; i < records.size(); ++i)
    REQUIRE(records[i].row_step == static_cast<std::int64_t>(i));
  CHECK(remote->calls().at(0) == "start");
  CHECK(remote->calls().at(1) == "store_init_configuration");
  CHECK(remote->calls().back() == "finish");
  CHECK(remote->outcome().reason == "why");
  CHECK(remote->threads().size() == 1);
  CHECK(remote->threads() != local->threads());
  CHECK_FALSE(remote->threads().contains(std::this_thread::get_id()));
  CHECK(dispatch->failures().empty());
}

TEST_CASE("a server that does not answer stops neither the caller nor other trackers nor flush()") {
  const auto dead = std::make_shared<WaitingTracker>();
  const auto local = std::make_shared<ScriptedTracker>(Script{.name = "hdf5"});
  const auto other = std::make_shared<ScriptedTracker>(remote_script("other"));
  const auto dispatch = dispatch_over({dead, local, other}, std::chrono::milliseconds(100));
  submit(*dispatch, 0, 500);
  dead->await_call();
  dispatch->flush();
  CHECK(local->records().size() == 500);
  dispatch->finish({});
  CHECK(other->records().size() == 500);
  CHECK(dead->is_finished());
  const auto failures = dispatch->failures();
  REQUIRE(failures.size() == 2);
  CHECK(says(failures[0], "tracker 'waiting' failed 1 time; first: log: no answer"));
  CHECK(says(failures[1], "tracker 'waiting': 500 rows from step 0 on not delivered"));
  CHECK(says(failures[1], "499 were still waiting at the deadline"));
  CHECK(says(failures[1], "1 were refused"));
  CHECK(says(failures[1], "all are in run.h5"));
}

TEST_CASE("rows that find a full queue are left out and counted; the rest arrives") {
  const auto remote = std::make_shared<WaitingTracker>();
  const auto dispatch = dispatch_over({remote});
  submit(*dispatch, 0, 1);
  remote->await_call();
  const auto room = static_cast<std::int64_t>(Sender::max_deliveries);
  submit(*dispatch, 1, 1 + room + 70);
  remote->answer();
  dispatch->finish({});
  const auto steps = remote->steps();
  REQUIRE(steps.size() == static_cast<std::size_t>(1 + room));
  CHECK(steps.back() == room);
  const auto failures = dispatch->failures();
  REQUIRE(failures.size() == 1);
  CHECK(says(failures[0], "70 rows from step " + std::to_string(room + 1) + " on not delivered"));
  CHECK(says(failures[0], "found its queue full"));
  CHECK(says(failures[0], "no other copy was kept"));
}

TEST_CASE("rows that are large fill the queue by their bytes") {
  const auto remote = std::make_shared<WaitingTracker>();
  const auto dispatch = dispatch_over({remote});
  submit(*dispatch, 0, 1);
  remote->await_call();
  constexpr std::size_t row_bytes = Sender::max_bytes / 4;
  for (std::int64_t step = 1; step <= 10; ++step) {
    auto record = std::make_shared<Record>();
    record->row_step = step;
    record->metrics.resize(1);
    record->metrics[0].text.resize(row_bytes);
    dispatch->submit(std::move(record), nullptr, Audience::main_process);
  }
  remote->answer();
  dispatch->finish({});
  CHECK(remote->steps() == std::vector<std::int64_t>{0, 1, 2, 3});
  CHECK(says(dispatch->failures().at(0), "7 rows from step 4 on not delivered"));
}

TEST_CASE("blocks arrive row by row, share one queue with single rows and are counted alike") {
  const auto refusing = std::make_shared<ScriptedTracker>(
      Script{.name = "refusing", .affinity = ThreadAffinity::sender, .throws_from = {"log"}});
  const auto dead = std::make_shared<WaitingTracker>();
  const auto remote = std::make_shared<ScriptedTracker>(remote_script("remote"));
  const auto dispatch = dispatch_over({refusing, dead, remote}, std::chrono::milliseconds(50));
  const auto pool = std::make_shared<ranklog::RecordBlockPool>();
  submit(*dispatch, 0, 1);
  for (int i = 0; i < 2; ++i) {
    ranklog::tracking::Blocks blocks;
    blocks.push_back(pool->take());
    blocks[0]->row_step = {10 * i + 1, 10 * i + 2, 10 * i + 3};
    blocks[0]->time = {1, 2, 3};
    dispatch->submit(blocks);
    CHECK(blocks.empty());
  }
  submit(*dispatch, 20, 21);
  dispatch->finish({});
  std::vector<std::int64_t> steps;
  for (const auto& record : remote->records()) steps.push_back(record.row_step);
  CHECK(steps == std::vector<std::int64_t>{0, 1, 2, 3, 11, 12, 13, 20});
  const auto failures = dispatch->failures();
  REQUIRE(failures.size() == 4);
  CHECK(says(failures[1], "8 rows from step 0 on not delivered (8 were refused)"));
  CHECK(says(failures[3], "8 rows from step 0 on not delivered"));
}

TEST_CASE("a tracker that ignores cancel() is abandoned and named, and its memory stays valid") {
  const auto stubborn = std::make_shared<WaitingTracker>(false);
  const std::weak_ptr<WaitingTracker> observer = stubborn;
  auto dispatch = dispatch_over({stubborn}, std::chrono::milliseconds(10));
  submit(*dispatch, 7, 10);
  stubborn->await_call();
  const auto begin = Clock::now();
  dispatch->finish({});
  CHECK(Clock::now() - begin >= Sender::cancel_grace);
  const auto line = dispatch->failures().at(0);
  CHECK(says(line, "3 rows from step 7 on not delivered"));
  CHECK(says(line, "its log did not return and was abandoned"));
  dispatch.reset();
  stubborn->answer();
  while (!stubborn->is_finished()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

TEST_CASE("a tracker that counts for itself is believed") {
  class Counting final : public GeneralTracker {
   public:
    [[nodiscard]] std::string name() const override { return "counting"; }
    [[nodiscard]] bool requires_logging_directory() const override { return false; }
    [[nodiscard]] ThreadAffinity thread_affinity() const override { return ThreadAffinity::sender; }
    void log(const Record&, const Config&) override { throw std::runtime_error("refused"); }
    [[nodiscard]] std::optional<Undelivered> undelivered() const override {
      return Undelivered{12, 5, "were not confirmed: 401"};
    }
  };
  const CapturedStderr captured;
  const auto dispatch = dispatch_over({std::make_shared<Counting>()});
  submit(*dispatch, 0, 3);
  dispatch->finish({});
  CHECK(says(dispatch->failures().at(1),
             "12 rows from step 5 on not delivered (12 were not confirmed: 401)"));
}

TEST_CASE("rows are flushed to the server within seconds also while more keep coming") {
  const auto remote = std::make_shared<ScriptedTracker>(remote_script("remote"));
  const auto dispatch = dispatch_over({remote});
  const auto deadline = Clock::now() + std::chrono::seconds(20);
  for (std::int64_t step = 0; remote->count("flush") < 2 && Clock::now() < deadline; ++step) {
    submit(*dispatch, step, step + 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(remote->count("flush") == 2);
}

TEST_CASE("when another tracker cannot start, a remote one is cancelled before it is finished") {
  class Started final : public GeneralTracker {
   public:
    [[nodiscard]] std::string name() const override { return "started"; }
    [[nodiscard]] bool requires_logging_directory() const override { return false; }
    [[nodiscard]] ThreadAffinity thread_affinity() const override { return ThreadAffinity::sender; }
    void log(const Record&, const Config&) override {}
    void finish(const RunOutcome&) override { calls.emplace_back("finish"); }
    void cancel() noexcept override { calls.emplace_back("cancel"); }
    Calls calls;
  };
  const auto started = std::make_shared<Started>();
  const auto bad =
      std::make_shared<ScriptedTracker>(Script{.name = "bad", .throws_from = {"start"}});
  CHECK_THROWS(dispatch_over({started, bad}));
  CHECK(started->calls == Calls{"cancel", "finish"});
}

TEST_CASE("an instance that was selected twice has one thread and gets every record twice") {
  const auto remote = std::make_shared<ScriptedTracker>(remote_script("remote"));
  const auto dispatch = dispatch_over({remote, remote});
  submit(*dispatch, 0, 3);
  dispatch->finish({});
  CHECK(remote->count("log") == 6);
  CHECK(remote->count("finish") == 1);
  CHECK(remote->threads().size() == 1);
}
