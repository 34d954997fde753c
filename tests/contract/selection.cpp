// Rows S1 to S17 of docs/tracking_contract.md: which trackers log_with selects.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "contract/contract_test.hpp"
#include "mpi/mpi_test.hpp"
#include "ranklog/ranklog.hpp"

using namespace ranklog;
using namespace ranklog::contract;
using ranklog::mpi_test::SharedDirectory;
using Names = std::vector<std::string>;

namespace {

// The trackers of "all" that this build has, in their order. mlflow and aim belong to them only
// where a server is named.
Names all_of_this_build() {
  Names for_runs{"hdf5", "tensorboard", "wandb", "comet_ml", "clearml", "dvclive"};
  if (std::getenv("MLFLOW_TRACKING_URI") != nullptr) for_runs.emplace_back("mlflow");
  if (std::getenv("RANKLOG_AIM_REPO") != nullptr) for_runs.emplace_back("aim");
  Names names;
  for (const auto& name : get_available_trackers()) {
    if (std::find(for_runs.begin(), for_runs.end(), name) != for_runs.end()) names.push_back(name);
  }
  return names;
}

Failure selection_failure(TrackerSelection log_with, std::optional<std::string> project_dir = {}) {
  return failure_of([&] {
    const Accelerator accelerator({.log_with = std::move(log_with), .project_dir = project_dir});
  });
}

struct NeedsDirectory : RecordingTracker {
  NeedsDirectory() : RecordingTracker({.name = "s14_needs_directory", .needs_directory = true}) {}
};
struct Registered : RecordingTracker {
  Registered() : RecordingTracker({.name = "s12_registered"}) {}
};

}  // namespace

TEST_CASE("S1: log_with takes a name, a LoggerType, an instance, or a list that mixes them") {
  const auto custom = recording({.name = "custom"});
  CHECK(Accelerator({.log_with = "memory"}).log_with() == Names{"memory"});
  CHECK(Accelerator({.log_with = std::string("memory")}).log_with() == Names{"memory"});
  CHECK(Accelerator({.log_with = LoggerType::memory}).log_with() == Names{"memory"});
  CHECK(Accelerator({.log_with = custom}).log_with() == Names{"custom"});
  CHECK(Accelerator({.log_with = {LoggerType::memory, "console", custom}}).log_with() ==
        Names{"memory", "console", "custom"});
  CHECK(Accelerator({.log_with = Names{"console", "memory"}}).log_with() ==
        Names{"console", "memory"});
}

TEST_CASE("S2: without log_with the calls of tracking do nothing and print nothing") {
  const SharedDirectory shared("s2");
  const std::string text = printed(STDERR_FILENO, [&] {
    Accelerator accelerator({.project_dir = shared.path().string()});
    accelerator.init_trackers("project", {{"learning_rate", 0.1}});
    accelerator.log({{"loss", 1.0}}, 0);
    accelerator.log({{"loss", 1.0}}, 1, {.scope = Scope::main_process});
    accelerator.flush();
    accelerator.get_tracker("anything").log({{"loss", 1.0}});
    accelerator.end_training();
    CHECK(accelerator.log_with().empty());
    CHECK(accelerator.trackers().empty());
  });
  CHECK(text.empty());
  CHECK(std::filesystem::is_empty(shared.path()));
}

TEST_CASE("S3: the names of Accelerate are known, in lower case only") {
  for (const std::string name : {"all", "aim", "tensorboard", "wandb", "comet_ml", "mlflow",
                                 "clearml", "dvclive", "trackio", "swanlab"}) {
    INFO(name);
    CHECK(logger_type_from_string(name).has_value());
  }
  for (const std::string name : {"ALL", "TensorBoard", "Wandb", "comet-ml", " mlflow", ""}) {
    INFO(name);
    CHECK_FALSE(logger_type_from_string(name).has_value());
  }
}

TEST_CASE("S4: an unknown name is an error of the constructor that lists the choices") {
  const Failure unknown = selection_failure("nope");
  CHECK(unknown.code == ErrorCode::unknown_tracker);
  CHECK(unknown.says("'nope'"));
  CHECK(unknown.says("choose from all, hdf5"));
  CHECK(is_same_on_all_ranks(unknown.text));

  const Failure wrong_case = selection_failure({"memory", "TensorBoard"});
  CHECK(wrong_case.code == ErrorCode::unknown_tracker);
  CHECK(wrong_case.says("'TensorBoard'"));

  const Failure hostile = selection_failure(std::string("no\x1b[2Jpe\n"));
  CHECK(hostile.code == ErrorCode::unknown_tracker);
  CHECK(hostile.text.find_first_of("\x1b\n") == std::string::npos);
}

TEST_CASE("S4: a name that only one rank misspells is the same error on all ranks") {
  const bool is_last = mpi_test::world_rank() == mpi_test::world_size() - 1;
  const Failure failure = selection_failure(is_last ? "memroy" : "memory");
  CHECK(failure.code == ErrorCode::unknown_tracker);
  CHECK(failure.says("'memroy'"));
  CHECK(is_same_on_all_ranks(failure.text));
}

TEST_CASE("S5: what is no name, LoggerType or instance does not compile") {
  CHECK(std::is_constructible_v<TrackerSelection, std::shared_ptr<RecordingTracker>>);
  CHECK_FALSE(std::is_constructible_v<TrackerSelection, RecordingTracker&>);
  CHECK_FALSE(std::is_constructible_v<TrackerSelection, RecordingTracker*>);
  CHECK_FALSE(std::is_constructible_v<TrackerSelection, std::shared_ptr<std::string>>);
  CHECK_FALSE(std::is_constructible_v<TrackerSelection, int>);
  const Failure null = selection_failure(std::shared_ptr<RecordingTracker>());
  CHECK(null.code == ErrorCode::usage);
  CHECK(null.says("null"));
}

TEST_CASE("S6: a known tracker that this build lacks is an error that says so") {
  const Names available = get_available_trackers();
  int n_checked = 0;
  for (const LoggerType type : logger_types()) {
    const std::string name(to_string(type));
    const bool is_here = std::find(available.begin(), available.end(), name) != available.end();
    if (type == LoggerType::all || is_here) continue;
    INFO(name);
    ++n_checked;
    const Failure failure = selection_failure(type);
    CHECK(failure.code == ErrorCode::tracker_unavailable);
    CHECK(failure.says("'" + name + "' is not part of this build"));
    CHECK(failure.says("memory"));
    CHECK(is_same_on_all_ranks(failure.text));
  }
  CHECK(n_checked > 0);
}

TEST_CASE("S7: an empty list selects nothing, silently") {
  const std::string text = printed(STDERR_FILENO, [] {
    Accelerator accelerator({.log_with = Names{}});
    accelerator.init_trackers("project");
    CHECK(accelerator.log_with().empty());
  });
  CHECK(text.empty());
}

TEST_CASE("S8: a repeated name counts once, a repeated instance twice") {
  CHECK(Accelerator({.log_with = {"memory", LoggerType::memory, "console", "memory"}}).log_with() ==
        Names{"memory", "console"});

  const auto journal = std::make_shared<Journal>();
  const auto twice = recording({.name = "twice", .journal = journal});
  Accelerator accelerator({.log_with = {twice, twice}});
  CHECK(accelerator.log_with() == Names{"twice", "twice"});
  accelerator.init_trackers("project", {{"n", 1}});
  accelerator.log({{"loss", 1.0}}, 0);
  accelerator.end_training();
  const int n_main = accelerator.is_main_process() ? 1 : 0;
  CHECK(journal->count("twice.log") == 2 * n_main);
  CHECK(journal->count("twice.start") == n_main);
  CHECK(journal->count("twice.config") == n_main);
  CHECK(journal->count("twice.finish") == n_main);
}

TEST_CASE("S9: \"all\" is instances in their order, then the trackers of this build in theirs") {
  const SharedDirectory shared("s9");
  const auto first = recording({.name = "first"});
  const auto second = recording({.name = "second"});
  Names expected{"first", "second"};
  for (const auto& name : all_of_this_build()) expected.push_back(name);
  const std::string text = printed(STDERR_FILENO, [&] {
    const Accelerator accelerator(
        {.log_with = {"hdf5", first, "all", second}, .project_dir = shared.path().string()});
    CHECK(accelerator.log_with() == expected);
  });
  // One line for the job says what was left out.
  CHECK(n_occurrences(text, "\n") == 1);
  CHECK(text.find("not part of this build") != std::string::npos);
  CHECK(text.find("swanlab") != std::string::npos);
  CHECK(text.find("memory") == std::string::npos);
}

TEST_CASE("S10: a misspelt name beside \"all\" is an error, a right one is added") {
  const SharedDirectory shared("s10");
  const std::string directory = shared.path().string();
  const Failure failure = selection_failure({"all", "tensorbord"}, directory);
  CHECK(failure.code == ErrorCode::unknown_tracker);
  CHECK(failure.says("'tensorbord'"));

  Names expected = all_of_this_build();
  expected.push_back("memory");
  std::string text = printed(STDERR_FILENO, [&] {
    const Accelerator accelerator({.log_with = {"memory", "all"}, .project_dir = directory});
    CHECK(accelerator.log_with() == expected);
  });
}

TEST_CASE("S11: \"all\" without a directory is an error, because hdf5 needs one") {
  const Failure failure = selection_failure("all");
  CHECK(failure.code == ErrorCode::missing_logging_dir);
  CHECK(failure.says("'hdf5'"));
  CHECK(is_same_on_all_ranks(failure.text));
}

TEST_CASE("S12: \"all\" has no registered trackers, but they can stand beside it") {
  const SharedDirectory shared("s12");
  const std::string directory = shared.path().string();
  register_tracker_class<Registered>();
  Names with_registered = all_of_this_build();
  with_registered.push_back("s12_registered");
  std::string text = printed(STDERR_FILENO, [&] {
    CHECK(Accelerator({.log_with = "all", .project_dir = directory}).log_with() ==
          all_of_this_build());
    CHECK(
        Accelerator({.log_with = {"all", "s12_registered"}, .project_dir = directory}).log_with() ==
        with_registered);
  });
}

TEST_CASE("S13: a tracker that needs a directory is an error where none was given") {
  const Failure failure = selection_failure({"memory", "hdf5"});
  CHECK(failure.code == ErrorCode::missing_logging_dir);
  CHECK(failure.says("'hdf5' needs a directory"));
  CHECK(failure.says("project_dir"));
  CHECK(is_same_on_all_ranks(failure.text));
  CHECK(selection_failure({"memory", "console"}).code == ErrorCode::none);
}

TEST_CASE("S14: instances and registered trackers are asked for their directory too") {
  register_tracker_class<NeedsDirectory>();
  const Failure by_name = selection_failure("s14_needs_directory");
  CHECK(by_name.code == ErrorCode::missing_logging_dir);
  CHECK(by_name.says("'s14_needs_directory'"));
  const Failure by_instance =
      selection_failure(recording({.name = "mine", .needs_directory = true}));
  CHECK(by_instance.code == ErrorCode::missing_logging_dir);
  CHECK(by_instance.says("'mine'"));

  const SharedDirectory shared("s14");
  CHECK(selection_failure("s14_needs_directory", shared.path().string()).code == ErrorCode::none);
}

TEST_CASE("S15: trackers are called in the order of the list") {
  const auto journal = std::make_shared<Journal>();
  Accelerator accelerator({.log_with = {recording({.name = "c", .journal = journal}),
                                        recording({.name = "a", .journal = journal}),
                                        recording({.name = "b", .journal = journal})}});
  accelerator.init_trackers("project");
  accelerator.log({{"loss", 1.0}}, 0);
  accelerator.log({{"loss", 1.0}}, 1);
  accelerator.end_training();
  const Names expected{"c.start", "a.start", "b.start", "c.log",    "a.log",    "b.log",
                       "c.log",   "a.log",   "b.log",   "c.finish", "a.finish", "b.finish"};
  if (accelerator.is_main_process()) {
    CHECK(journal->entries() == expected);
  } else {
    CHECK(journal->entries().empty());
  }
}

TEST_CASE("S16: log_with() is what was selected, trackers() is what runs on this rank") {
  Accelerator accelerator({.log_with = {"memory", recording({.name = "mine"})}});
  const Names selected{"memory", "mine"};
  CHECK(accelerator.log_with() == selected);
  CHECK(accelerator.trackers().empty());
  accelerator.init_trackers("project");
  CHECK(accelerator.log_with() == selected);
  CHECK(accelerator.trackers() == (accelerator.is_main_process() ? selected : Names{}));
  accelerator.end_training();
  CHECK(accelerator.log_with() == selected);
  CHECK(accelerator.trackers().empty());
}

TEST_CASE("S17: the trackers of this build and all LoggerTypes can be listed") {
  const Names available = get_available_trackers();
  REQUIRE_FALSE(available.empty());
  CHECK(available.front() == "hdf5");
  CHECK(std::find(available.begin(), available.end(), "memory") != available.end());
  CHECK(std::find(available.begin(), available.end(), "all") == available.end());

  CHECK(logger_types().front() == LoggerType::all);
  for (const LoggerType type : logger_types()) {
    CHECK(logger_type_from_string(to_string(type)) == type);
  }
  CHECK(to_string(LoggerType::comet_ml) == "comet_ml");
}

TEST_CASE("S1: ranks that select different trackers all get the same error") {
  if (mpi_test::world_size() == 1) return;
  const auto mine = recording({.name = "mine"});
  const bool is_main = mpi_test::world_rank() == 0;
  const Failure failure = selection_failure(is_main ? TrackerSelection(mine) : TrackerSelection());
  CHECK(failure.code == ErrorCode::usage);
  CHECK(failure.says("mine"));
  CHECK(is_same_on_all_ranks(failure.text));
}
