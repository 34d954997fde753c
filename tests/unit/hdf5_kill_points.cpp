// A run whose writer is cut off at every system call that changes a file, and one whose disk fails.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <hdf5.h>

#include <cerrno>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "hdf5/committed_file.hpp"
#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "ranklog/run_recovery.hpp"
#include "support/failing_calls.hpp"
#include "support/scratch_directory.hpp"
#include "unit/hdf5_support.hpp"

using namespace ranklog;                // NOLINT: a test file
using namespace ranklog::test_support;  // NOLINT
namespace fs = std::filesystem;

namespace {

constexpr int n_rows = 30;
constexpr int rows_per_flush = 10;

std::vector<Metric> metrics_at(RecordMaker& make, int step) {
  std::vector<Metric> metrics{make.real("loss", step), make.text("note", fmt::format("n{}", step)),
                              make.gathered("by_rank", {{0, {1.0 * step}, {}, {}}})};
  if (step >= 20) metrics.push_back(make.real("loss/late", step));
  if (step % 20 == 0) metrics.push_back(make.integer("eval", step));
  return metrics;
}

struct Written {
  bool has_started = false;
  int n_acknowledged = 0;  // rows
  int n_calls = 0;
};

// Logs rows and flushes until the end or the cut; then the process is gone.
Written write_run(const fs::path& directory, int cut, std::size_t n_parts, std::string sync) {
  CutCalls calls(cut, n_parts);
  const h5::ReplacedSystemCalls replaced(calls);
  Written written;
  RecordMaker make;
  try {
    trackers::Hdf5Tracker tracker;
    tracker.start(
        context_in(directory, 2,
                   {{"flush_interval_s", 1e6}, {"flush_rows", 1000}, {"sync", std::move(sync)}}));
    tracker.store_init_configuration({{"lr", 0.5}});
    if (calls.is_cut()) return written;
    written.has_started = true;
    for (int step = 0; step < n_rows; ++step) {
      tracker.log(RecordMaker::record(step, metrics_at(make, step)), {});
      if (step % rows_per_flush != rows_per_flush - 1) continue;
      tracker.flush();
      if (calls.is_cut()) return written;
      written.n_acknowledged = step + 1;
    }
    tracker.finish({});
  } catch (const IoError&) {
    CHECK(calls.is_cut());
  }
  written.n_calls = calls.n_calls();
  return written;
}

// The rows of a run that may end at any flush, checked one by one.
int n_rows_read(const fs::path& directory) {
  const RunReader reader(directory);
  CHECK(reader.info().project == "digits");
  std::set<std::string> keys;
  for (const SeriesInfo& info : reader.series()) keys.insert(info.key);
  if (!keys.contains("loss")) return 0;
  const Series loss = reader.read("loss"), note = reader.read("note");
  const Series by_rank = reader.read("by_rank");
  const auto n = static_cast<int>(loss.step.size());
  REQUIRE(note.text.size() == loss.step.size());
  REQUIRE(by_rank.step == loss.step);
  for (int i = 0; i < n; ++i) {
    const auto row = static_cast<std::size_t>(i);
    REQUIRE(loss.step[row] == i);
    REQUIRE(loss.value[row] == i);
    REQUIRE(loss.max[row] == i + 1);
    REQUIRE(note.text[row] == fmt::format("n{}", i));
    REQUIRE(by_rank.per_rank[row * 2] == i);
  }
  if (n > 20) REQUIRE(reader.read("loss/late").step.back() == n - 1);
  if (n > 0) REQUIRE(reader.read("eval").step.back() == (n - 1) / 20 * 20);
  return n;
}

bool opens_plainly(const fs::path& file) {
  const hid_t id = H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (id >= 0) H5Fclose(id);
  return id >= 0;
}

}  // namespace

TEST_CASE("cut off at any system call, a run holds all flushed rows, and recover restores them") {
  for (const char* const sync : {"never", "always"}) {
    ScratchDirectory whole;
    const int n_calls = write_run(whole.path(), 1'000'000, 0, sync).n_calls;
    MESSAGE("system calls that change a file: " << n_calls);
    REQUIRE(n_calls > 30);
    int n_pending = 0;
    for (int cut = 1; cut <= n_calls; ++cut) {
      const std::size_t n_parts = static_cast<std::size_t>(cut) % 5;
      CAPTURE(cut);
      ScratchDirectory directory;
      const fs::path file = directory.path() / "run.h5";
      const Written written = write_run(directory.path(), cut, n_parts, sync);
      if (!written.has_started) continue;
      const bool is_pending = h5::CommittedFile(file).is_overlaid();
      n_pending += is_pending ? 1 : 0;
      const int n_seen = n_rows_read(directory.path());
      REQUIRE(n_seen >= written.n_acknowledged);
      REQUIRE(n_seen <= written.n_acknowledged + rows_per_flush);
      const RunRecovery recovery = recover_run(directory.path());
      REQUIRE((recovery.action == RunRecovery::Action::completed) == is_pending);
      REQUIRE(opens_plainly(file));
      REQUIRE(n_rows_read(directory.path()) == n_seen);
    }
    CHECK(n_pending > 10);
  }
}

TEST_CASE("a run whose disk fails now and then loses no row, and each failing is reported once") {
  ScratchDirectory directory;
  std::mt19937 random(3);
  bool is_healthy = true;
  FatefulCalls calls([&] {
    if (is_healthy || random() % 4 != 0) return random() % 2 == 0 ? 0 : -1;
    return random() % 2 == 0 ? ENOSPC : EIO;
  });
  const h5::ReplacedSystemCalls replaced(calls);
  RecordMaker make;
  trackers::Hdf5Tracker tracker;
  tracker.start(context_in(directory.path(), 2, {{"flush_interval_s", 1e6}, {"sync", "always"}}));
  int n_reports = 0;
  for (int step = 0; step < 200; ++step) {
    is_healthy = step / 20 % 2 == 0;
    tracker.log(RecordMaker::record(step, metrics_at(make, step)), {});
    try {
      if (step % 2 == 0) tracker.flush();
    } catch (const IoError&) {
      ++n_reports;
    }
  }
  CHECK(n_reports >= 5);
  is_healthy = true;
  CHECK_NOTHROW(tracker.finish({}));
  CHECK(n_rows_read(directory.path()) == 200);
  CHECK(opens_plainly(directory.path() / "run.h5"));
  CHECK_FALSE(fs::exists(directory.path() / "run.h5.journal"));
}

TEST_CASE("a disk that fails for good is reported once, and the end says how many rows were lost") {
  ScratchDirectory directory;
  bool is_healthy = true;
  FatefulCalls calls([&] { return is_healthy ? 0 : EIO; });
  const h5::ReplacedSystemCalls replaced(calls);
  RecordMaker make;
  trackers::Hdf5Tracker tracker;
  tracker.start(context_in(directory.path(), 2, {{"flush_interval_s", 1e6}, {"flush_rows", 1000}}));
  for (int step = 0; step < 10; ++step) {
    tracker.log(RecordMaker::record(step, {make.real("a", step)}), {});
  }
  tracker.flush();
  is_healthy = false;
  int n_reports = 0;
  for (int step = 10; step < 30; ++step) {
    tracker.log(RecordMaker::record(step, {make.real("a", step)}), {});
    try {
      tracker.flush();
    } catch (const IoError& error) {
      CHECK(std::string(error.what()).find("Input/output error") != std::string::npos);
      ++n_reports;
    }
  }
  CHECK(n_reports == 1);
  CHECK_THROWS_WITH_AS(tracker.finish({}), doctest::Contains("20 rows could not be written"),
                       IoError);
  CHECK(RunReader(directory.path()).read("a").step.size() == 10);
}

TEST_CASE("a run whose directory is removed under it is put back when it ends") {
  ScratchDirectory above;
  const fs::path directory = above.path() / "project" / "run";
  fs::create_directories(directory);
  RecordMaker make;
  trackers::Hdf5Tracker tracker;
  tracker.start(context_in(directory, 2, {{"flush_interval_s", 1e6}}));
  tracker.log(RecordMaker::record(0, {make.real("a", 1)}), {});
  fs::remove_all(above.path() / "project");
  CHECK_THROWS_WITH_AS(tracker.flush(), doctest::Contains("a copy of that will be put at"),
                       IoError);
  tracker.log(RecordMaker::record(1, {make.real("a", 2)}), {});
  CHECK_NOTHROW(tracker.flush());
  CHECK_NOTHROW(tracker.finish({}));
  CHECK(RunReader(directory).read("a").step.size() == 2);
  CHECK(opens_plainly(directory / "run.h5"));
}

TEST_CASE("a file that takes the place of the run's is left alone, and the run is kept beside it") {
  Run run;
  run.log(0, {run.make.real("a", 1)});
  run.tracker.flush();
  const fs::path other = run.directory.path() / "other";
  std::ofstream(other) << "mine";
  fs::rename(other, run.file());

  run.log(1, {run.make.real("a", 2)});
  CHECK_NOTHROW(run.finish());
  CHECK(fs::file_size(run.file()) == 4);
  const fs::path kept = run.directory.path() / "run.h5.0123456789abcdef";
  CHECK(RunReader(kept).read("a").step.size() == 2);
}
