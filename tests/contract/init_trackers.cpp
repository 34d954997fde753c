// Rows L1 to L8 of docs/tracking_contract.md: how a run begins.
#include <doctest/doctest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "contract/contract_test.hpp"
#include "mpi/mpi_test.hpp"
#include "ranklog/ranklog.hpp"

using namespace ranklog;
using namespace ranklog::contract;
using ranklog::mpi_test::SharedDirectory;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;

namespace {

// Where trackers that are made by name leave their journal.
const std::shared_ptr<Journal>& shared_journal() {
  static auto journal = std::make_shared<Journal>();
  return journal;
}
std::vector<TrackerContext>& shared_contexts() {
  static std::vector<TrackerContext> contexts;
  return contexts;
}

struct ByName : RecordingTracker {
  ByName() : RecordingTracker({.name = "l_by_name", .journal = shared_journal()}) {
    shared_journal()->add("l_by_name.constructor");
  }
  void start(const TrackerContext& context) override {
    RecordingTracker::start(context);
    shared_contexts().push_back(context);
  }
};

}  // namespace

TEST_CASE("L1: init_trackers is called on all ranks and starts trackers on the main process") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project");
  CHECK(tracker->kept().context().project_name == (world_rank() == 0 ? "project" : ""));
  CHECK(tracker->kept().configurations().empty());
  accelerator.end_training();
}

TEST_CASE("L2: tracker_options reach the tracker of that name, others are ignored") {
  register_tracker_class<ByName>();
  shared_contexts().clear();
  Accelerator accelerator({.log_with = {"memory", "l_by_name"}});
  accelerator.init_trackers("project", std::nullopt,
                            {.tracker_options = {{"l_by_name", {{"tags", "a"}, {"port", 8080}}},
                                                 {"wandb", {{"entity", "us"}}}}});
  accelerator.end_training();
  if (world_rank() == 0) {
    REQUIRE(shared_contexts().size() == 1);
    CHECK(shared_contexts()[0].options == Config{{"tags", "a"}, {"port", 8080}});
  } else {
    CHECK(shared_contexts().empty());
  }
}

TEST_CASE("L2: tracker_options do not reach instances, which have their own constructor") {
  const auto tracker = recording({.name = "mine"});
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project", std::nullopt, {.tracker_options = {{"mine", {{"a", 1}}}}});
  CHECK(tracker->kept().context().options.empty());
  accelerator.end_training();
}

TEST_CASE("L3: init_trackers needs no options") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project", {{"a", 1}}, {});
  accelerator.end_training();
  CHECK(tracker->kept().configurations().size() == (world_rank() == 0 ? 1 : 0));
}

TEST_CASE("L4: a tracker is told project, run, directories and ranks") {
  const SharedDirectory shared("l4");
  const auto tracker = recording({.is_main_only = false});
  Accelerator accelerator({.log_with = tracker, .project_dir = shared.path().string()});
  accelerator.init_trackers("digits", std::nullopt, {.run_name = "baseline"});
  const TrackerContext context = tracker->kept().context();
  CHECK(context.project_name == "digits");
  CHECK(context.run_name == "baseline");
  CHECK(context.logging_dir == shared.path());
  CHECK(context.run_dir == shared.path() / "digits" / "baseline");
  CHECK(context.run_id.size() == 16);
  CHECK(is_same_on_all_ranks(context.run_id));
  CHECK(context.rank == world_rank());
  CHECK(context.n_ranks == world_size());
  CHECK(context.provenance != nullptr);
  accelerator.end_training();
}

TEST_CASE("L4: without a directory and a run name the run still has a name, on all ranks alike") {
  const auto tracker = recording({.is_main_only = false});
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("digits");
  const TrackerContext context = tracker->kept().context();
  CHECK_FALSE(context.run_name.empty());
  CHECK(context.run_name == accelerator.run_name());
  CHECK(is_same_on_all_ranks(context.run_name));
  CHECK(context.run_dir.empty());
  accelerator.end_training();
}

TEST_CASE("L5: all trackers are built, then all started, then all configured") {
  const auto journal = std::make_shared<Journal>();
  Accelerator accelerator({.log_with = {recording({.name = "a", .journal = journal}),
                                        recording({.name = "b", .journal = journal})}});
  CHECK(journal->entries().empty());
  accelerator.init_trackers("project", {{"n", 1}});
  const std::vector<std::string> expected{"a.start", "b.start", "a.config", "b.config"};
  CHECK(journal->entries() == (world_rank() == 0 ? expected : std::vector<std::string>{}));
  accelerator.end_training();
}

TEST_CASE("L5: a tracker that cannot start makes init_trackers throw on all ranks alike") {
  const auto healthy = recording({.name = "healthy"});
  const auto broken = recording({.name = "broken", .fails_in = "start"});
  const auto never = recording({.name = "never"});
  {
    Accelerator accelerator({.log_with = {healthy, broken, never}});
    const Failure failure = failure_of([&] { accelerator.init_trackers("project", {{"n", 1}}); });
    CHECK(failure.code == ErrorCode::tracker_failed);
    CHECK(failure.says("tracker 'broken' could not start: start was refused"));
    CHECK(is_same_on_all_ranks(failure.text));
    CHECK(accelerator.trackers().empty());
  }
  CHECK(healthy->kept().configurations().empty());
  CHECK_FALSE(never->kept().outcome().has_value());
  CHECK(healthy->kept().outcome().has_value() == (world_rank() == 0));
  if (world_rank() == 0) CHECK(healthy->kept().outcome()->status == RunStatus::failed);
}

TEST_CASE("L6: no configuration stores nothing, an empty one is stored") {
  const auto none = recording();
  Accelerator without({.log_with = none});
  without.init_trackers("project", std::nullopt);
  without.end_training();
  CHECK(none->kept().configurations().empty());

  const auto empty = recording();
  Accelerator with({.log_with = empty});
  with.init_trackers("project", {});
  with.end_training();
  const std::vector<Config> expected{Config{}};
  CHECK(empty->kept().configurations() == (world_rank() == 0 ? expected : std::vector<Config>{}));
}

TEST_CASE("L7: every tracker gets the same configuration and cannot change it for the next") {
  const auto first = recording({.name = "first"});
  const auto second = recording({.name = "second"});
  const Config config{{"learning_rate", 0.1},
                      {"optimizer", {{"name", "adam"}, {"betas", std::vector{0.9, 0.999}}}},
                      {"resume", nullptr}};
  Accelerator accelerator({.log_with = {first, second}});
  accelerator.init_trackers("project", config);
  accelerator.end_training();
  CHECK(std::is_same_v<decltype(&GeneralTracker::store_init_configuration),
                       void (GeneralTracker::*)(const Config&)>);
  if (world_rank() != 0) return;
  REQUIRE(first->kept().configurations().size() == 1);
  REQUIRE(second->kept().configurations().size() == 1);
  CHECK(first->kept().configurations()[0] == config);
  CHECK(second->kept().configurations()[0] == config);
}

TEST_CASE("L8: a second init_trackers throws on every rank, and the first run goes on") {
  const auto journal = std::make_shared<Journal>();
  const auto tracker = recording({.name = "a", .journal = journal});
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project");
  const Failure failure = failure_of([&] { accelerator.init_trackers("project"); });
  CHECK(failure.code == ErrorCode::usage);
  CHECK(failure.says("a second time"));
  CHECK(is_same_on_all_ranks(failure.text));
  accelerator.log({{"loss", 1.0}}, 0);
  accelerator.end_training();
  const std::vector<std::string> expected{"a.start", "a.log", "a.finish"};
  CHECK(journal->entries() == (world_rank() == 0 ? expected : std::vector<std::string>{}));
}

TEST_CASE("L8: init_trackers after end_training throws on every rank") {
  Accelerator accelerator({.log_with = "memory"});
  accelerator.init_trackers("project");
  accelerator.end_training();
  const Failure failure = failure_of([&] { accelerator.init_trackers("project"); });
  CHECK(failure.code == ErrorCode::usage);
  CHECK(is_same_on_all_ranks(failure.text));
}
