// Rows T1 to T9 of docs/tracking_contract.md: the trackers that come with ranklog. What their files
// hold is checked by the vendors' own readers in tests/interop.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "contract/contract_test.hpp"
#include "mpi/mpi_test.hpp"
#include "ranklog/ranklog.hpp"

using namespace ranklog;
using namespace ranklog::contract;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;
namespace fs = std::filesystem;

namespace {

std::string contents_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// All bytes of the event files in `run_dir`; tags and texts stand in them as they are.
std::string event_bytes(const fs::path& run_dir) {
  std::string bytes;
  for (const auto& entry : fs::directory_iterator(run_dir)) {
    const std::string name = entry.path().filename();
    if (name.find("tfevents") != std::string::npos) bytes += contents_of(entry.path());
  }
  return bytes;
}

}  // namespace

TEST_CASE("T1: tensorboard writes scalars, text and hyper-parameters into the run's folder") {
  const auto names = get_available_trackers();
  if (std::find(names.begin(), names.end(), "tensorboard") == names.end()) return;
  const mpi_test::SharedDirectory shared("t1");
  Accelerator accelerator({.log_with = "tensorboard", .project_dir = shared.path().string()});
  const std::vector<double> gradient{1.0, 2.0};
  accelerator.init_trackers("digits",
                            {{"learning_rate", 0.125},
                             {"resume", nullptr},
                             {"layers", std::vector{64, 32}},
                             {"optimizer", {{"name", "adam"}}}},
                            {.run_name = "baseline"});
  accelerator.log({{"train/loss", 0.5},
                   {"note", "a remark"},
                   {"eval", {{"accuracy", 0.75}}},
                   {"gradient", gradient}},
                  0);
  accelerator.end_training();
  if (world_rank() != 0) return;
  const fs::path run_dir = shared.path() / "digits" / "baseline";
  const std::string events = event_bytes(run_dir);
  for (const std::string part : {"train/loss", "a remark", "eval/accuracy", "gradient"}) {
    INFO(part);
    CHECK(events.find(part) != std::string::npos);
  }
  // Lists and nulls of a configuration do not vanish.
  const std::string yaml = contents_of(run_dir / "hparams.yml");
  for (const std::string part :
       {"\"learning_rate\": 0.125", "\"resume\": null", "64", "32", "adam"}) {
    INFO(part);
    CHECK(yaml.find(part) != std::string::npos);
  }
}

TEST_CASE("T7: dvclive writes parameters, values and steps into a folder of the run's own") {
  const auto names = get_available_trackers();
  if (std::find(names.begin(), names.end(), "dvclive") == names.end()) return;
  const mpi_test::SharedDirectory shared("t7");
  Accelerator accelerator({.log_with = "dvclive", .project_dir = shared.path().string()});
  accelerator.init_trackers("digits", {{"learning_rate", 0.125}}, {.run_name = "baseline"});
  for (const int step : {0, 1, 3}) accelerator.log({{"train/loss", 0.5 * world_rank()}}, step);
  accelerator.end_training();
  if (world_rank() != 0) return;
  const fs::path dir = shared.path() / "digits" / "baseline" / "dvclive";
  CHECK(contents_of(dir / "params.yaml") == "\"learning_rate\": 0.125\n");
  const std::string rows = contents_of(dir / "plots" / "metrics" / "train" / "loss.tsv");
  CHECK(rows.starts_with("step\tloss\n0\t"));
  CHECK(rows.find("\n1\t") != std::string::npos);
  CHECK(rows.find("\n3\t") != std::string::npos);
  CHECK(contents_of(dir / "metrics.json").find("\"step\": 3") != std::string::npos);
}

TEST_CASE("T9: without a step the rows of a key are numbered, on all ranks alike") {
  const auto tracker = recording();
  Accelerator accelerator({.log_with = tracker});
  accelerator.init_trackers("project");
  for (int i = 0; i < 4; ++i) {
    accelerator.log({{"loss", 1.0 * i}});
    if (i % 2 == 1) accelerator.log({{"rare", 1.0}});
  }
  accelerator.end_training();
  if (world_rank() != 0) return;
  std::vector<std::int64_t> loss_rows;
  std::vector<std::int64_t> rare_rows;
  for (const Record& record : tracker->kept().records()) {
    CHECK_FALSE(record.step.has_value());
    CHECK(record.metrics.at(0).statistics.count == world_size());
    (record.find("loss") != nullptr ? loss_rows : rare_rows).push_back(record.row_step);
  }
  CHECK(loss_rows == std::vector<std::int64_t>{0, 1, 2, 3});
  CHECK(rare_rows == std::vector<std::int64_t>{0, 1});
}

TEST_CASE("T9: a key that was logged with steps cannot be logged without one") {
  Accelerator accelerator({.log_with = "memory"});
  accelerator.init_trackers("project");
  accelerator.log({{"loss", 1.0}}, 0);
  const Failure failure = failure_of([&] { accelerator.log({{"loss", 1.0}}); });
  CHECK(failure.code == ErrorCode::conflict);
  CHECK(failure.says("'loss'"));
  accelerator.end_training();
}

TEST_CASE("T9: ranks of which some pass a step and some do not all learn of it at the end") {
  Accelerator accelerator({.log_with = "memory"});
  accelerator.init_trackers("project");
  if (world_rank() == 0) {
    accelerator.log({{"loss", 1.0}}, 0);
  } else {
    accelerator.log({{"loss", 1.0}});
  }
  const Failure failure = failure_of([&] { accelerator.end_training(); });
  CHECK(failure.code == (world_size() > 1 ? ErrorCode::conflict : ErrorCode::none));
  CHECK(is_same_on_all_ranks(failure.text));
}
