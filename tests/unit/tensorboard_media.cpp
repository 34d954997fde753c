// Media, runs of ranks and restarts of the tensorboard tracker; tests/interop reads the same with
// TensorBoard.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/scratch_directory.hpp"
#include "support/tracker_records.hpp"
#include "trackers/tensorboard/tensorboard_tracker.hpp"

using namespace ranklog;
using namespace ranklog::test_support;
using trackers::make_tensorboard_tracker;

namespace {

namespace fs = std::filesystem;
const MediaTime at_step_3{3, 3, 1.0};

std::vector<fs::path> event_files(const fs::path& directory) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename().string().starts_with("events.")) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool holds(const fs::path& file, const std::string& part) {
  return contents_of(file).find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("images, histograms, tables and PNG figures have a place in TensorBoard") {
  const ScratchDirectory directory;
  const auto tracker = make_tensorboard_tracker();
  tracker->start(context_in(directory.path()));
  const std::vector<std::uint8_t> pixels(4);
  const Image image(2, 2, 1, pixels);
  CHECK(tracker->log_images({{"samples", {image, image}}}, at_step_3, {}));
  CHECK(tracker->log_histogram("weights", Histogram({0, 1, 2}, {3, 4}), at_step_3, {}));
  CHECK(tracker->log_table("scores", Table({"name", "score"}, {{"a", 0.5}}), at_step_3, {}));
  CHECK_FALSE(tracker->log_figure(Figure("roc.svg", "<svg/>"), at_step_3, {}));
  CHECK_FALSE(tracker->log_artifact({directory.path(), ""}, at_step_3, {}));
  tracker->finish({});
  const auto file = event_files(directory.path()).at(0);
  for (const char* part : {"samples", "images", "IHDR", "weights", "histograms", "scores"})
    CHECK(holds(file, part));
}

TEST_CASE("a file that continues a run sorts behind every file of it, whatever the clock says") {
  const ScratchDirectory directory;
  const auto future = directory.path() / "events.out.tfevents.9999999990.host.1.0";
  std::ofstream(future) << "";
  std::ofstream(directory.path() / "events.out.tfevents.x") << "";
  const auto tracker = make_tensorboard_tracker();
  tracker->start(context_in(directory.path()));
  tracker->finish({});
  const auto files = event_files(directory.path());
  REQUIRE(files.size() == 3);
  CHECK(files[1].filename().string().starts_with("events.out.tfevents.9999999991."));
}

TEST_CASE("ranks have runs of their own on request, up to the limit") {
  const ScratchDirectory directory;
  const auto tracker = make_tensorboard_tracker();
  tracker->start(context_in(directory.path(), {{"rank_runs", true}, {"max_ranks", 2}}));
  Metric metric;
  metric.info = metric_info("loss", Kind::real, Reduction::gather);
  for (std::int32_t rank = 0; rank < 3; ++rank) {
    metric.per_rank.push_back({rank, {1.0 * rank}, {}, {}});
  }
  tracker->log(record_at(0, {metric}), {});
  tracker->finish({});
  CHECK(event_files(directory.path() / "rank0").size() == 1);
  CHECK(holds(event_files(directory.path() / "rank1").at(0), "loss"));
  CHECK_FALSE(fs::exists(directory.path() / "rank2"));
  CHECK_FALSE(holds(event_files(directory.path()).at(0), "loss_rank"));
}

TEST_CASE("gathered spans have a histogram of the elements of all ranks") {
  const ScratchDirectory directory;
  const auto tracker = make_tensorboard_tracker();
  tracker->start(context_in(directory.path()));
  Metric metric;
  metric.info = metric_info("norms", Kind::integer, Reduction::gather);
  metric.per_rank = {{0, {}, {1, 2, 3}, {}}, {1, {}, {4}, {}}};
  tracker->log(record_at(0, {metric}), {});
  tracker->finish({});
  CHECK(holds(event_files(directory.path()).at(0), "norms_histogram"));
}

TEST_CASE("a value with statistics has a chart with its range") {
  for (const bool has_statistics : {true, false}) {
    const ScratchDirectory directory;
    const auto tracker = make_tensorboard_tracker();
    tracker->start(context_in(directory.path(), {{"statistics", has_statistics}}));
    tracker->log(record_at(0, {real_metric("train/loss", 1)}), {});
    tracker->finish({});
    CHECK(holds(event_files(directory.path()).at(0), "custom_scalars__config__") == has_statistics);
  }
}
