// The dvclive tracker as a whole: folders, resuming, what it refuses.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"
#include "support/tracker_records.hpp"
#include "trackers/dvclive/dvclive_tracker.hpp"

using namespace ranklog;
using namespace ranklog::test_support;
using trackers::make_dvclive_tracker;

namespace {

namespace fs = std::filesystem;

struct Run {
  ScratchDirectory directory;
  fs::path dir = directory.path() / "dvclive";

  [[nodiscard]] std::string file(const std::string& name) const { return contents_of(dir / name); }
  // Logs `value` + step at these steps and ends.
  void log(const TrackerContext& context, std::int64_t first, std::int64_t end,
           double value) const {
    const auto tracker = make_dvclive_tracker();
    tracker->start(context);
    for (std::int64_t step = first; step < end; ++step) {
      tracker->log(record_at(step, {real_metric("train/loss", value + static_cast<double>(step))}),
                   {});
    }
    tracker->finish({});
  }
  [[nodiscard]] TrackerContext resumed(std::int64_t from_step) const {
    auto context = context_in(directory.path());
    context.attempt = 1;
    context.is_resumed = true;
    context.from_step = from_step;
    return context;
  }
};

}  // namespace

TEST_CASE("values of all kinds are in tables and in the summary") {
  const Run run;
  const auto tracker = make_dvclive_tracker();
  tracker->start(context_in(run.directory.path()));
  tracker->store_init_configuration({{"lr", 1e-5}, {"optimizer", {{"name", "adam"}}}});
  Metric big;
  big.info = metric_info("big", Kind::integer, Reduction::max);
  big.integer_value = 9007199254740993;
  tracker->log(record_at(3, {real_metric("train/loss", NAN), real_metric("top", INFINITY), big,
                             text_metric("note", "a\tb")}),
               {});
  tracker->finish({});
  CHECK(run.file("plots/metrics/train/loss.tsv") == "step\tloss\n3\tnan\n");
  CHECK(run.file("plots/metrics/top.tsv") == "step\ttop\n3\tinf\n");
  CHECK(run.file("plots/metrics/big.tsv") == "step\tbig\n3\t9007199254740993\n");
  CHECK(run.file("plots/metrics/note.tsv") == "step\tnote\n3\t\"a\tb\"\n");
  CHECK(run.file("metrics.json") ==
        "{\n    \"big\": 9007199254740993,\n    \"note\": \"a\\u0009b\",\n    \"step\": 3,\n"
        "    \"top\": \"inf\",\n    \"train\": {\n        \"loss\": \"nan\"\n    }\n}\n");
  CHECK(run.file("params.yaml") == "\"lr\": 1.0e-05\n\"optimizer\":\n  \"name\": \"adam\"\n");
  CHECK(run.file("dvc.yaml").find("plots/metrics") != std::string::npos);
}

TEST_CASE("a flush makes whole rows visible, and nothing is left of the files behind it") {
  const Run run;
  const auto tracker = make_dvclive_tracker();
  tracker->start(context_in(run.directory.path()));
  tracker->log(record_at(0, {real_metric("a", 1)}), {});
  tracker->flush();
  CHECK(run.file("plots/metrics/a.tsv") == "step\ta\n0\t1.0\n");
  for (const auto& entry : fs::recursive_directory_iterator(run.dir))
    CHECK(entry.path().extension() != ".part");
}

TEST_CASE("a resumed run has each step once, in its tables and in the summary") {
  const Run run;
  run.log(context_in(run.directory.path()), 0, 10, 0);
  run.log(run.resumed(6), 6, 8, 100);
  CHECK(run.file("plots/metrics/train/loss.tsv") ==
        "step\tloss\n0\t0.0\n1\t1.0\n2\t2.0\n3\t3.0\n4\t4.0\n5\t5.0\n6\t106.0\n7\t107.0\n");
  CHECK(run.file("metrics.json").find("\"loss\": 107.0") != std::string::npos);
  CHECK(run.file("metrics.json").find("\"step\": 7") != std::string::npos);
}

TEST_CASE("a metric that the resumed run does not log again keeps its last value that counts") {
  const Run run;
  run.log(context_in(run.directory.path()), 0, 10, 0);
  const auto tracker = make_dvclive_tracker();
  tracker->start(run.resumed(4));
  tracker->log(record_at(4, {real_metric("other", 1)}), {});
  tracker->finish({});
  CHECK(run.file("metrics.json") ==
        "{\n    \"other\": 1.0,\n    \"step\": 4,\n    \"train\": {\n        \"loss\": 3.0\n    "
        "}\n}\n");
}

TEST_CASE("the folder of another run is left alone unless overwriting was asked for") {
  const Run run;
  run.log(context_in(run.directory.path()), 0, 3, 0);
  const auto again = error_of([&] { run.log(context_in(run.directory.path()), 0, 1, 50); });
  CHECK(again.code == ErrorCode::run_exists);
  CHECK(again.says("overwrite"));
  CHECK(run.file("plots/metrics/train/loss.tsv").find("\n2\t2.0\n") != std::string::npos);
  run.log(context_in(run.directory.path(), {{"overwrite", true}}), 0, 1, 50);
  CHECK(run.file("plots/metrics/train/loss.tsv") == "step\tloss\n0\t50.0\n");
}

TEST_CASE("a dvc.yaml of the user is never written") {
  const Run run;
  const auto yaml = run.directory.path() / "dvc.yaml";
  std::ofstream(yaml) << "stages: {}\n";
  const Config options{{"dvcyaml", yaml.string()}};
  const auto refused =
      error_of([&] { run.log(context_in(run.directory.path(), options), 0, 1, 0); });
  CHECK(refused.code == ErrorCode::run_exists);
  CHECK(refused.says("dvcyaml"));
  CHECK(contents_of(yaml) == "stages: {}\n");
  run.log(context_in(run.directory.path(), {{"dvcyaml", ""}}), 0, 1, 0);
  CHECK_FALSE(fs::exists(run.dir / "dvc.yaml"));
}

TEST_CASE("images are named by step below their key, and files are copied") {
  const Run run;
  const auto tracker = make_dvclive_tracker();
  tracker->start(context_in(run.directory.path()));
  const std::vector<std::uint8_t> pixels(12);
  const Image image(2, 2, 3, pixels);
  const MediaTime when{5, 5, 1.0};
  CHECK(tracker->log_images({{"one", image}, {"two", {image, image}}}, when, {}));
  CHECK(tracker->log_figure(Figure("roc.svg", "<svg/>"), when, {}));
  CHECK_FALSE(tracker->log_figure(Figure("roc.html", "<html/>"), when, {}));
  std::ofstream(run.directory.path() / "model.bin") << "weights";
  CHECK(tracker->log_artifact({run.directory.path() / "model.bin", "models"}, when, {}));
  CHECK_FALSE(tracker->log_table("t", Table({"a"}), when, {}));
  tracker->finish({});
  for (const char* name : {"one/5.png", "two/0/5.png", "two/1/5.png"})
    CHECK(Image::from_file(run.dir / "plots/images" / name).width() == 2);
  CHECK(run.file("plots/images/roc.svg") == "<svg/>");
  CHECK(run.file("artifacts/models/model.bin") == "weights");
  CHECK(run.file("dvc.yaml").find("\"plots/images\"") != std::string::npos);
}
