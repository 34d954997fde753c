// Rows S18 to S20 of docs/tracking_contract.md: where the files of a run go.
#include "ranklog/project_configuration.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "contract/contract_test.hpp"
#include "mpi/mpi_test.hpp"
#include "ranklog/ranklog.hpp"

using namespace ranklog;
using namespace ranklog::contract;

TEST_CASE("S18: a ProjectConfiguration has the fields and defaults of Accelerate's") {
  const ProjectConfiguration empty;
  CHECK_FALSE(empty.project_dir.has_value());
  CHECK_FALSE(empty.logging_dir.has_value());
  CHECK_FALSE(empty.automatic_checkpoint_naming);
  CHECK_FALSE(empty.total_limit.has_value());
  CHECK(empty.iteration == 0);
  CHECK_FALSE(empty.save_on_each_node);
}

TEST_CASE("S18: logging_dir is project_dir unless it was given") {
  const Accelerator one({.project_config = ProjectConfiguration{.project_dir = "p"}});
  CHECK(one.logging_dir() == "p");
  const Accelerator two(
      {.project_config = ProjectConfiguration{.project_dir = "p", .logging_dir = "l"}});
  CHECK(two.project_dir() == "p");
  CHECK(two.logging_dir() == "l");
}

TEST_CASE("S18: set_directories never overwrites a logging_dir") {
  ProjectConfiguration open;
  open.set_directories("p");
  CHECK(open.project_dir == "p");
  CHECK(open.logging_dir == "p");
  open.set_directories("q");
  CHECK(open.project_dir == "q");
  CHECK(open.logging_dir == "p");
}

TEST_CASE("S19: the configuration's project_dir wins over the argument") {
  const Accelerator accelerator(
      {.project_dir = "argument", .project_config = ProjectConfiguration{.project_dir = "config"}});
  CHECK(accelerator.project_dir() == "config");
  CHECK(accelerator.logging_dir() == "config");
}

TEST_CASE("S19: the argument fills what the configuration leaves open") {
  const Accelerator neither({.project_dir = "argument", .project_config = ProjectConfiguration{}});
  CHECK(neither.project_dir() == "argument");
  CHECK(neither.logging_dir() == "argument");
  const Accelerator only_logs(
      {.project_dir = "argument", .project_config = ProjectConfiguration{.logging_dir = "logs"}});
  CHECK(only_logs.project_dir() == "argument");
  CHECK(only_logs.logging_dir() == "logs");
}

TEST_CASE("S20: project_dir, logging_dir and save_iteration can be read, not set") {
  const Accelerator bare;
  CHECK_FALSE(bare.project_dir().has_value());
  CHECK_FALSE(bare.logging_dir().has_value());
  CHECK(bare.save_iteration() == 0);
  const Accelerator resumed({.project_config = ProjectConfiguration{.iteration = 7}});
  CHECK(resumed.save_iteration() == 7);
}

TEST_CASE("S20: a run's files are in logging_dir, below project and run name") {
  const mpi_test::SharedDirectory shared("s20");
  const std::string logs = (shared.path() / "logs").string();
  Accelerator accelerator(
      {.log_with = "memory",
       .project_config = ProjectConfiguration{.project_dir = "never_made", .logging_dir = logs}});
  accelerator.init_trackers("digits", std::nullopt, {.run_name = "baseline"});
  CHECK(accelerator.run_name() == "baseline");
  CHECK(accelerator.run_directory() == logs + "/digits/baseline");
  CHECK(std::filesystem::is_directory(accelerator.run_directory()));
  CHECK_FALSE(std::filesystem::exists("never_made"));
  accelerator.end_training();
}
