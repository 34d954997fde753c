// Metrics that are logged together share rows; no row appears that nobody logged.
#include <doctest/doctest.h>
#include <hdf5.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "trackers/hdf5/group_tree.hpp"
#include "unit/hdf5_support.hpp"

using namespace ranklog;                // NOLINT: a test file
using namespace ranklog::test_support;  // NOLINT

namespace {

using Steps = std::vector<std::int64_t>;

// A file opened through HDF5's own interface.
struct RawFile {
  explicit RawFile(const std::filesystem::path& path)
      : file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, h5::unlocked_access().get())) {
    REQUIRE(file);
  }
  [[nodiscard]] hobj_ref_t address(const std::string& object) const {
    hobj_ref_t reference = 0;
    REQUIRE(H5Rcreate(&reference, file.get(), object.c_str(), H5R_OBJECT, -1) >= 0);
    return reference;
  }
  [[nodiscard]] bool has(const std::string& object) const {
    const h5::QuietErrors quiet;
    return H5Oexists_by_name(file.get(), object.c_str(), H5P_DEFAULT) > 0;
  }
  // The step dataset that the dataset's DIMENSION_LIST names.
  [[nodiscard]] hobj_ref_t scale_of(const std::string& dataset) const {
    const h5::Dataset id(H5Dopen2(file.get(), dataset.c_str(), H5P_DEFAULT));
    const h5::Attribute list(H5Aopen(id.get(), "DIMENSION_LIST", H5P_DEFAULT));
    const h5::Type type(H5Aget_type(list.get()));
    const h5::Space space(H5Aget_space(list.get()));
    std::vector<hvl_t> lists(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.get())));
    REQUIRE(H5Aread(list.get(), type.get(), lists.data()) >= 0);
    const hobj_ref_t scale = *static_cast<hobj_ref_t*>(lists.front().p);
    H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, lists.data());
    return scale;
  }
  h5::File file;
};

}  // namespace

TEST_CASE("metrics that are logged together share their step and time datasets") {
  Run run;
  run.log(0, {run.make.real("a", 1), run.make.real("b", 2), run.make.text("note", "x")});
  run.finish();
  const RawFile raw(run.file());
  CHECK(raw.address("/metrics/a/step") == raw.address("/metrics/b/step"));
  CHECK(raw.address("/metrics/a/time") == raw.address("/text/note/time"));
  CHECK(raw.scale_of("/metrics/b/value") == raw.address("/metrics/a/step"));
}

TEST_CASE("metrics that stop being logged together are split, before and after a flush") {
  for (const bool flushes : {false, true}) {
    CAPTURE(flushes);
    Run run;
    run.log(0, {run.make.real("a", 10), run.make.real("b", 20), run.make.real("c", 30)});
    run.log(1, {run.make.real("a", 11), run.make.real("b", 21), run.make.real("c", 31)});
    if (flushes) run.tracker.flush();
    run.log(2, {run.make.real("a", 12), run.make.real("b", 22)});
    if (flushes) run.tracker.flush();
    run.log(3, {run.make.real("b", 23)});
    run.log(4, {run.make.real("c", 34), run.make.real("a", 14)});
    run.finish();
    const RunReader reader(run.file());
    CHECK(reader.read("a").step == Steps{0, 1, 2, 4});
    CHECK(reader.read("b").step == Steps{0, 1, 2, 3});
    CHECK(reader.read("c").step == Steps{0, 1, 4});
    CHECK(reader.read("a").value == std::vector<double>{10, 11, 12, 14});
    CHECK(reader.read("b").time == std::vector<double>{1000, 1001, 1002, 1003});
    CHECK(reader.read("c").value == std::vector<double>{30, 31, 34});
    const RawFile raw(run.file());
    for (const char* const key : {"a", "b", "c"}) {
      const std::string group = std::string("/metrics/") + key;
      CHECK(raw.scale_of(group + "/value") == raw.address(group + "/step"));
      CHECK(raw.scale_of(group + "/time") == raw.address(group + "/step"));
    }
  }
}

TEST_CASE("a gathered metric that is split while it grows wider keeps its rows") {
  Run run(2);
  run.log(0, {run.make.real("a", 1), run.make.gathered("g", {{0, {1}, {}, {}}})});
  run.tracker.flush();
  run.log(1, {run.make.gathered("g", {{0, {1, 2}, {}, {}}, {1, {3}, {}, {}}})});
  run.finish();
  const RunReader reader(run.file());
  CHECK(reader.read("a").step == Steps{0});
  CHECK(reader.read("g").step == Steps{0, 1});
  CHECK(reader.read("g").per_rank_width == 2);
  CHECK(reader.read("g").per_rank[4] == 1.0);
}

TEST_CASE("random subsets of keys come back as they were logged, whatever the flushes") {
  std::mt19937 random(7);  // NOLINT: the same rows in every run of the test
  Run run;
  std::vector<std::vector<std::int64_t>> wanted(12);
  for (std::int64_t step = 0; step < 300; ++step) {
    std::vector<Metric> metrics;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (random() % (i / 3 + 1) != 0) continue;
      metrics.push_back(run.make.integer("key" + std::to_string(i), step * 100));
      wanted[i].push_back(step);
    }
    run.log(step, std::move(metrics));
    if (random() % 20 == 0) run.tracker.flush();
  }
  run.finish();
  const RunReader reader(run.file());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Series series = reader.read("key" + std::to_string(i));
    CHECK(series.step == wanted[i]);
    for (std::size_t row = 0; row < series.step.size(); ++row) {
      REQUIRE(series.integers[row] == series.step[row] * 100);
    }
  }
}

TEST_CASE("a key can be a leaf and a prefix, also one named like our datasets") {
  const std::vector<std::string> keys{
      "loss", "loss/aux",        "loss/value",  "loss/step/deep", "acc/count",
      "acc",  "acc/count/count", "loss/value_", "step",           "value/value",
      "value"};
  Run run;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    run.log(0, {run.make.real(keys[i], static_cast<double>(i))});
    run.tracker.flush();
  }
  run.finish();
  const RunReader reader(run.file());
  REQUIRE(reader.series().size() == keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    CAPTURE(keys[i]);
    CHECK(reader.read(keys[i]).value == std::vector<double>{static_cast<double>(i)});
  }
}

TEST_CASE("a key that meets no other metric's datasets is at its own path") {
  trackers::hdf5::GroupTree tree;
  CHECK(tree.place("latency/max") == "latency/max");
  CHECK(tree.place("train/loss") == "train/loss");
  CHECK(tree.place("train/loss/aux") == "train/loss/aux");
  CHECK(tree.place("train") == "train");
}

TEST_CASE("a key that meets another metric's datasets gets an underscore, and another if needed") {
  trackers::hdf5::GroupTree tree;
  CHECK(tree.place("loss") == "loss");
  CHECK(tree.place("loss/value") == "loss/value_");
  CHECK(tree.place("loss/value_") == "loss/value__");
  CHECK(tree.place("loss/value/x") == "loss/value_/x");
  CHECK(tree.place("acc/min") == "acc/min");
  CHECK(tree.place("acc") == "acc_");
}

TEST_CASE("a record that holds a key twice is refused") {
  Run run;
  CHECK_THROWS_AS(run.log(0, {run.make.real("a", 1), run.make.real("a", 2)}), UsageError);
}

TEST_CASE("the summary holds last, min, max and count of each number") {
  Run run;
  run.log(0, {run.make.real("a", 5), run.make.text("note", "x")});
  run.log(1, {run.make.real("a", not_a_number)});
  run.log(2, {run.make.real("a", 3)});
  run.finish();
  const RawFile raw(run.file());
  const auto read = [&](const char* name) {
    double cell = 0;
    const h5::Dataset dataset(H5Dopen2(raw.file.get(), name, H5P_DEFAULT));
    REQUIRE(H5Dread(dataset.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &cell) >= 0);
    return cell;
  };
  CHECK(read("/summary/last") == 3);
  CHECK(read("/summary/min") == 3);
  CHECK(read("/summary/max") == 6);
  CHECK(read("/summary/count") == 6);
  CHECK(raw.has("/summary/key"));
}

TEST_CASE("after every flush the summary says what the rows say, of keys that came late too") {
  Run run;
  for (int step = 0; step < 40; ++step) {
    std::vector<Metric> metrics{run.make.real("a", step % 7), run.make.text("note", "x")};
    if (step >= 20) metrics.push_back(run.make.integer("late", step));
    if (step == 30) metrics.push_back(run.make.real("once", not_a_number));
    run.log(step, std::move(metrics));
    if (step % 10 != 9) continue;
    run.tracker.flush();
    const RunReader reader(run.file());
    const auto summary = reader.summary();
    REQUIRE(summary.size() == (step < 20 ? 1 : step < 30 ? 2 : 3));
    CHECK(summary[0].key == "a");
    CHECK(summary[0].last == step % 7);
    CHECK(summary[0].last_step == step);
    CHECK(summary[0].max == 7);
    CHECK(summary[0].worst_rank == 1);
    CHECK(summary[0].n_rows_compared == step + 1);
    if (step >= 20) CHECK(summary[1].min == 20);
    if (step >= 30) CHECK(summary[2].first_nan_step == 30);
    CHECK(validate_run(run.file()).empty());
  }
}

TEST_CASE("rows that were handed to HDF5 are not in the file before a flush") {
  constexpr int n_rows = 20'000;  // more than a block
  Run run;
  run.log(0, {run.make.real("a", 0)});
  run.tracker.flush();
  for (int step = 1; step < n_rows; ++step) run.log(step, {run.make.real("a", step)});
  CHECK(RunReader(run.file()).read("a").value == std::vector<double>{0});
  CHECK(validate_run(run.file()).empty());
  run.tracker.flush();
  const Series series = RunReader(run.file()).read("a");
  REQUIRE(series.step.size() == n_rows);
  CHECK(series.value.back() == n_rows - 1);
  CHECK(series.max[10'000] == 10'001);
}
