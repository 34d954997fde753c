// What the wandb tracker takes from its options and from the variables of the W&B SDK.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "support/fake_environment.hpp"
#include "support/tracker_records.hpp"
#include "trackers/wandb/settings.hpp"

namespace {

using namespace ranklog;
using namespace ranklog::test_support;
using trackers::wandb::read_settings;
using trackers::wandb::Settings;

Settings settings_of(const Config& options, const FakeEnvironment& environment = {}) {
  return read_settings(context_in("/runs/project/run", options), environment);
}

}  // namespace

TEST_CASE("without options and variables the run is named as in ranklog and lies beside run.h5") {
  const Settings settings = settings_of({});
  CHECK(settings.id == "0123456789abcdef");
  CHECK(settings.project == "project");
  CHECK(settings.name == "run");
  CHECK(settings.directory == "/runs/project/run");
  CHECK(settings.entity.empty());
  CHECK_FALSE(settings.is_disabled);
}

TEST_CASE("the variables of the W&B SDK are taken") {
  const Settings settings = settings_of({}, {{"WANDB_RUN_ID", "id1"},
                                             {"WANDB_ENTITY", "team"},
                                             {"WANDB_NAME", "näme"},
                                             {"WANDB_RUN_GROUP", "group"},
                                             {"WANDB_JOB_TYPE", "train"},
                                             {"WANDB_NOTES", "notes"},
                                             {"WANDB_TAGS", "a,,b c"},
                                             {"WANDB_DIR", "/scratch"},
                                             {"WANDB_SWEEP_ID", "sweep"},
                                             {"WANDB_HOST", "host"},
                                             {"WANDB_GIT_COMMIT", "abc"}});
  CHECK(settings.id == "id1");
  CHECK(settings.entity == "team");
  CHECK(settings.name == "näme");
  CHECK(settings.group == "group");
  CHECK(settings.job_type == "train");
  CHECK(settings.notes == "notes");
  CHECK(settings.tags == std::vector<std::string>{"a", "b c"});
  CHECK(settings.directory == "/scratch");
  CHECK(settings.sweep_id == "sweep");
  CHECK(settings.host == "host");
  CHECK(settings.git_commit == "abc");
}

TEST_CASE("options win over variables, and the project of the program over WANDB_PROJECT") {
  const FakeEnvironment environment{{"WANDB_RUN_ID", "id1"},
                                    {"WANDB_PROJECT", "other"},
                                    {"WANDB_TAGS", "a"},
                                    {"WANDB_DIR", "/scratch"}};
  const Settings settings = settings_of(
      {{"id", "id2"}, {"tags", std::vector<std::string>{"x", "y"}}, {"dir", "/here"}}, environment);
  CHECK(settings.id == "id2");
  CHECK(settings.tags == std::vector<std::string>{"x", "y"});
  CHECK(settings.directory == "/here");
  CHECK(settings.project == "project");
  CHECK(settings_of({{"project", "mine"}}, environment).project == "mine");
}

TEST_CASE("every mode of the SDK is known, and disabled writes nothing") {
  for (const char* const mode : {"offline", "online", "dryrun", "run", "shared"}) {
    CHECK_FALSE(settings_of({}, {{"WANDB_MODE", mode}}).is_disabled);
  }
  CHECK(settings_of({}, {{"WANDB_MODE", "disabled"}}).is_disabled);
  CHECK_FALSE(settings_of({{"mode", "offline"}}, {{"WANDB_MODE", "disabled"}}).is_disabled);
  CHECK_THROWS_AS(settings_of({{"mode", "on"}}), UsageError);
}

TEST_CASE("names that W&B would not take are refused") {
  for (const char* const id : {"a:b", "a/b", "..", " a", "a "}) {
    CAPTURE(id);
    CHECK_THROWS_AS(settings_of({{"id", id}}), UsageError);
  }
  CHECK_THROWS_AS(settings_of({{"project", "a%b"}}), UsageError);
  CHECK_THROWS_AS(settings_of({{"project", std::string(129, 'p')}}), UsageError);
  CHECK_THROWS_AS(settings_of({{"tags", std::vector<std::string>{""}}}), UsageError);
  CHECK_THROWS_AS(settings_of({{"tags", std::vector<std::string>{std::string(65, 't')}}}),
                  UsageError);
  CHECK_THROWS_AS(settings_of({}, {{"WANDB_RUN_ID", "a?b"}}), UsageError);
}

TEST_CASE("options of a wrong type, range or name are refused") {
  CHECK_THROWS_AS(settings_of({{"tags", 3}}), UsageError);
  CHECK_THROWS_AS(settings_of({{"tags", std::vector{1, 2}}}), UsageError);
  CHECK_THROWS_AS(settings_of({{"max_ranks", -1}}), UsageError);
  CHECK_THROWS_AS(settings_of({{"flush_interval_s", 0}}), UsageError);
  CHECK_THROWS_AS(settings_of({{"grup", "a"}}), UsageError);
}

TEST_CASE("text that is not UTF-8 is escaped, because W&B could not read the record") {
  CHECK(settings_of({}, {{"WANDB_NOTES", "a\xff"}}).notes == "a\\xff");
  CHECK(settings_of({{"name", "a\xff"}}).name == "a\\xff");
}
