// Resuming by the front door, on in-process ranks: which attempt this is, from which step, and what
// is refused. What becomes of the rows is in hdf5_resume.cpp.
#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"
#include "ranklog/testing.hpp"
#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"

using namespace ranklog;  // NOLINT: a test file
using ranklog::test_support::error_of;
using ranklog::test_support::ScratchDirectory;
using ranklog::test_support::Thrown;
using ranklog::testing::run_ranks;

namespace {

// Remembers what it was told at its start; says that it recorded steps up to 9.
class Witness final : public GeneralTracker {
 public:
  [[nodiscard]] std::string name() const override { return "witness"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  [[nodiscard]] std::optional<std::int64_t> next_step(const std::filesystem::path&) override {
    return 10;
  }
  void start(const TrackerContext& given) override { context = given; }
  void log(const Record& record, const Config&) override { steps.push_back(record.row_step); }

  TrackerContext context;
  std::vector<std::int64_t> steps;
};

struct Attempt {
  TrackerContext context;
  std::vector<std::int64_t> steps;
  std::vector<Thrown> thrown;  // by init_trackers, one for each rank
};

Attempt record(const ScratchDirectory& scratch, const InitOptions& options,
               const std::function<void(Accelerator&)>& body = {}) {
  auto witness = std::make_shared<Witness>();
  Attempt attempt;
  attempt.thrown.resize(2);
  run_ranks(2, [&](Communicator comm) {
    Accelerator accelerator({.log_with = witness,
                             .project_dir = scratch.path().string(),
                             .communicator = std::move(comm)});
    Thrown& thrown = attempt.thrown[static_cast<std::size_t>(accelerator.process_index())];
    thrown = error_of([&] { accelerator.init_trackers("p", std::nullopt, options); });
    if (thrown.code != ErrorCode::none) return;
    if (body) body(accelerator);
    accelerator.end_training();
  });
  attempt.context = witness->context;
  attempt.steps = witness->steps;
  return attempt;
}

}  // namespace

TEST_CASE("trackers are told which attempt this is and from which step it goes on") {
  ScratchDirectory scratch;
  const auto first = record(scratch, {.run_name = "x"});
  CHECK(first.context.attempt == 0);
  CHECK_FALSE(first.context.is_resumed);
  const auto second = record(scratch, {.run_name = "x", .resume = Resume{.from_step = 5}},
                             [](Accelerator& accelerator) {
                               CHECK(accelerator.attempt() == 1);
                               CHECK(accelerator.first_step() == 5);
                             });
  CHECK(second.context.attempt == 1);
  CHECK(second.context.is_resumed);
  CHECK(second.context.from_step == 5);
  CHECK(second.context.run_id == first.context.run_id);
  CHECK(second.context.run_dir == first.context.run_dir);
  const auto third = record(scratch, {.run_name = "x", .resume = Resume{}});
  CHECK(third.context.attempt == 2);
  CHECK(third.context.from_step == 10);  // what the tracker says
}

TEST_CASE("a run that is not there is begun on request only") {
  ScratchDirectory scratch;
  const auto refused = record(scratch, {.run_name = "x", .resume = Resume{}});
  for (const Thrown& thrown : refused.thrown) CHECK(thrown.code == ErrorCode::usage);
  CHECK_FALSE(std::filesystem::exists(scratch.path() / "p"));
  const auto begun = record(scratch, {.run_name = "x", .resume = Resume::automatic()});
  CHECK(begun.context.attempt == 0);
  CHECK_FALSE(begun.context.is_resumed);
  const auto again = record(scratch, {.run_name = "x", .resume = Resume::automatic(3)});
  CHECK(again.context.attempt == 1);
  CHECK(again.context.from_step == 3);
}

TEST_CASE("a resumed run refuses steps before its first and numbers rows from it") {
  ScratchDirectory scratch;
  (void)record(scratch, {.run_name = "x"});
  const auto resumed = record(
      scratch, {.run_name = "x", .resume = Resume{.from_step = 5}}, [](Accelerator& accelerator) {
        const auto thrown = error_of([&] { accelerator.log({{"a", 1.0}}, 4); });
        CHECK(thrown.code == ErrorCode::invalid_step);
        CHECK(thrown.text.find("from_step") != std::string::npos);
        accelerator.log({{"b", 1.0}});
        accelerator.log({{"b", 1.0}});
      });
  CHECK(resumed.steps == std::vector<std::int64_t>{5, 6});
  const auto negative = record(scratch, {.run_name = "x", .resume = Resume{.from_step = -1}});
  for (const Thrown& thrown : negative.thrown) CHECK(thrown.code == ErrorCode::invalid_step);
}

TEST_CASE(
    "two jobs at one run: all ranks of the second get the same error, and the first goes on") {
  ScratchDirectory scratch;
  const auto first = record(scratch, {.run_name = "x"}, [&](Accelerator& accelerator) {
    accelerator.log({{"a", 1.0}}, 0);
    if (accelerator.is_main_process()) {
      const auto second = record(scratch, {.run_name = "x", .resume = Resume{.from_step = 0}});
      for (const Thrown& thrown : second.thrown) {
        CHECK(thrown.code == ErrorCode::run_in_use);
        CHECK(thrown.text == second.thrown.front().text);
        CHECK(thrown.text.find("on host") != std::string::npos);
      }
    }
    accelerator.flush();
  });
  CHECK(first.steps == std::vector<std::int64_t>{0});
}

TEST_CASE("a job that the scheduler requeued finds its run without a name") {
  ScratchDirectory scratch;
  setenv("SLURM_JOB_ID", "77", 1);
  const auto first = record(scratch, {.resume = Resume::automatic()});
  setenv("SLURM_RESTART_COUNT", "1", 1);
  const auto second = record(scratch, {.resume = Resume::automatic()});
  unsetenv("SLURM_JOB_ID");
  unsetenv("SLURM_RESTART_COUNT");
  CHECK(first.context.run_name == "slurm-77");
  CHECK(second.context.run_name == "slurm-77");
  CHECK(second.context.attempt == 1);
}

TEST_CASE("resuming needs a directory, and a tracker that knows the last step") {
  const auto resume_in = [](const std::optional<std::string>& directory) {
    Thrown thrown;
    run_ranks(1, [&](Communicator comm) {
      Accelerator accelerator({.log_with = std::make_shared<MemoryTracker>(),
                               .project_dir = directory,
                               .communicator = std::move(comm)});
      thrown = error_of([&] {
        accelerator.init_trackers("p", std::nullopt, {.run_name = "x", .resume = Resume{}});
      });
    });
    return thrown;
  };
  CHECK(resume_in(std::nullopt).code == ErrorCode::usage);
  ScratchDirectory scratch;
  (void)record(scratch, {.run_name = "x"});
  const auto unknown = resume_in(scratch.path().string());
  CHECK(unknown.code == ErrorCode::usage);
  CHECK(unknown.text.find("give from_step") != std::string::npos);
}
