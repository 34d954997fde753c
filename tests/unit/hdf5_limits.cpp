// Sizes, refusals of the system, and manners towards the host's use of HDF5.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <hdf5.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "support/scratch_directory.hpp"
#include "unit/hdf5_support.hpp"

using namespace ranklog;                // NOLINT: a test file
using namespace ranklog::test_support;  // NOLINT
namespace fs = std::filesystem;

namespace {

// What `body` writes to standard error, beneath iostreams as HDF5 does it.
template <class Body>
std::string standard_error_of(const fs::path& scratch, Body body) {
  const fs::path file = scratch / "stderr";
  const int saved = dup(2);
  const int target = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  dup2(target, 2);
  body();
  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  close(target);
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Unmount {
  const fs::path& path;
  ~Unmount() { umount2(path.c_str(), MNT_DETACH); }
};

herr_t count_call(hid_t, void* data) {
  ++*static_cast<int*>(data);
  return 0;
}

}  // namespace

TEST_CASE("10,000 keys logged once take less than 12 kB each and come back") {
  constexpr int n_keys = 10'000;
  Run run;
  std::vector<Metric> metrics;
  for (int i = 0; i < n_keys; ++i) {
    metrics.push_back(run.make.real(fmt::format("layer{}/grad/{}", i / 100, i % 100), i));
  }
  run.log(0, metrics);
  run.finish();
  CHECK(fs::file_size(run.file()) < n_keys * 12'000);
  const RunReader reader(run.file());
  CHECK(reader.series().size() == n_keys);
  CHECK(reader.read("layer99/grad/99").value == std::vector<double>{9999});
}

TEST_CASE("10,000 rows of 16 metrics take less than 1.3 times their numbers") {
  constexpr int n_rows = 10'000, n_keys = 16;
  Run run(2, {});
  Record record;
  for (int i = 0; i < n_keys; ++i)
    record.metrics.push_back(run.make.real(fmt::format("m{}", i), i));
  for (int row = 0; row < n_rows; ++row) {
    record.row_step = row;
    run.tracker.log(record, {});
  }
  run.finish();
  // Six columns of 8 bytes and three of 4 for each metric; step and time for all.
  constexpr double n_raw_bytes = n_rows * (n_keys * (6 * 8 + 3 * 4) + 16.0);
  const double ratio = static_cast<double>(fs::file_size(run.file())) / n_raw_bytes;
  MESSAGE("size ratio: " << ratio);
  CHECK(ratio < 1.3);
  const Series series = RunReader(run.file()).read("m15");
  CHECK(series.step.size() == n_rows);
  CHECK(series.step.back() == n_rows - 1);
}

TEST_CASE("rows are on disk after flush_rows rows, without another call") {
  Run run(2, {{"flush_rows", 3}, {"flush_interval_s", 1000}});
  for (int step = 0; step < 3; ++step) run.log(step, {run.make.real("a", step)});
  CHECK(RunReader(run.file()).read("a").step.size() == 3);
  run.log(3, {run.make.real("a", 3)});
  CHECK(RunReader(run.file()).read("a").step.size() == 3);
  run.tracker.flush();
  CHECK(RunReader(run.file()).read("a").step.size() == 4);
}

TEST_CASE("rows are on disk when the flush interval has passed") {
  Run run(2, {{"flush_interval_s", 0}});
  run.log(0, {run.make.real("a", 1)});
  CHECK(RunReader(run.file()).read("a").step.size() == 1);
}

TEST_CASE("options that are misspelt or out of range are refused") {
  ScratchDirectory directory;
  const auto start = [&](Config options) {
    trackers::Hdf5Tracker().start(context_in(directory.path(), 1, std::move(options)));
  };
  CHECK_THROWS_AS(start({{"flush_row", 3}}), UsageError);
  CHECK_THROWS_AS(start({{"flush_rows", 0}}), UsageError);
  CHECK_THROWS_AS(start({{"flush_interval_s", -1}}), UsageError);
  CHECK_THROWS_AS(start({{"flush_interval_s", not_a_number}}), UsageError);
}

TEST_CASE("a process that is killed after a flush leaves every flushed row") {
  ScratchDirectory directory;
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    RecordMaker make;
    trackers::Hdf5Tracker tracker;
    tracker.start(context_in(directory.path(), 2, {{"flush_interval_s", 1e6}}));
    tracker.store_init_configuration({{"lr", 0.5}});
    for (int step = 0; step < 2500; ++step) {
      Record record = RecordMaker::record(step, {make.real("a", step), make.text("t", "x")});
      if (step % 100 == 0) record.metrics.push_back(make.real("eval", step));
      tracker.log(record, {});
    }
    tracker.flush();
    tracker.log(RecordMaker::record(2500, {make.real("a", 0), make.text("t", "x")}), {});
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  const RunReader reader(directory.path());
  CHECK(reader.info().status == "running");
  CHECK(reader.config() == Config{{"lr", 0.5}});
  CHECK(reader.read("a").step.size() == 2500);
  CHECK(reader.read("t").text.size() == 2500);
  CHECK(reader.read("eval").step.back() == 2400);
}

TEST_CASE("a run file that exists is not overwritten") {
  Run run;
  run.log(0, {run.make.real("a", 1)});
  run.finish();
  trackers::Hdf5Tracker second;
  CHECK_THROWS_AS(second.start(context_in(run.directory.path())), RunExistsError);
  CHECK(RunReader(run.file()).read("a").value.size() == 1);
}

TEST_CASE("a run directory that is missing is an error that names the file and the cause") {
  ScratchDirectory directory;
  trackers::Hdf5Tracker tracker;
  const fs::path missing = directory.path() / "missing";
  CHECK_THROWS_WITH_AS(tracker.start(context_in(missing)),
                       doctest::Contains((missing / "run.h5").c_str()), IoError);
  CHECK_THROWS_WITH_AS(tracker.start(context_in(missing)), doctest::Contains("No such file"),
                       IoError);
  CHECK_THROWS_AS(tracker.start(context_in({})), MissingLoggingDirError);
}

TEST_CASE("a run directory that cannot be written is an error that says so") {
  if (geteuid() == 0) {
    MESSAGE("skipped: root may write everywhere");
    return;
  }
  ScratchDirectory directory;
  fs::permissions(directory.path(), fs::perms::owner_read | fs::perms::owner_exec);
  trackers::Hdf5Tracker tracker;
  CHECK_THROWS_WITH_AS(tracker.start(context_in(directory.path())),
                       doctest::Contains("Permission denied"), IoError);
  fs::permissions(directory.path(), fs::perms::owner_all);
}

TEST_CASE("nothing of HDF5 appears on standard error, and the host's handler is left in place") {
  ScratchDirectory scratch;
  int n_calls = 0;
  H5E_auto2_t handler = nullptr;
  void* data = nullptr;
  H5Eget_auto2(H5E_DEFAULT, &handler, &data);
  H5Eset_auto2(H5E_DEFAULT, count_call, &n_calls);
  const std::string printed = standard_error_of(scratch.path(), [&] {
    trackers::Hdf5Tracker tracker;
    CHECK_THROWS_AS(tracker.start(context_in(scratch.path() / "missing")), IoError);
    std::ofstream(scratch.path() / "text.h5") << "not HDF5";
    CHECK_THROWS_AS(RunReader(scratch.path() / "text.h5"), FileFormatError);
  });
  CHECK(printed.empty());
  CHECK(n_calls == 0);
  H5Fopen("/nonexistent/file", H5F_ACC_RDONLY, H5P_DEFAULT);
  CHECK(n_calls == 1);
  H5Eset_auto2(H5E_DEFAULT, handler, data);
}

TEST_CASE(
    "rows beyond the file size limit wait in memory, are reported once, and come when it is "
    "lifted") {
  Run run;
  run.log(0, {run.make.real("a", 1)});
  run.tracker.flush();
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  rlimit low = old;
  low.rlim_cur = fs::file_size(run.file()) + 100;
  setrlimit(RLIMIT_FSIZE, &low);
  for (int step = 1; step < 2000; ++step) run.log(step, {run.make.real("a", step)});
  CHECK_THROWS_WITH_AS(run.tracker.flush(), doctest::Contains("1999 rows wait in memory"), IoError);
  CHECK_NOTHROW(run.tracker.flush());
  CHECK(RunReader(run.file()).read("a").step.size() == 1);
  setrlimit(RLIMIT_FSIZE, &old);
  run.log(2000, {run.make.real("a", 3)});
  CHECK_NOTHROW(run.tracker.flush());
  CHECK(RunReader(run.file()).read("a").step.size() == 2001);
  CHECK_NOTHROW(run.finish());
  CHECK(RunReader(run.file()).info().status == "completed");
}

TEST_CASE("a run that starts on a full disk is an error and leaves no file") {
  ScratchDirectory directory;
  if (mount("ranklog-test", directory.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
    MESSAGE("skipped: may not mount a small file system");
    return;
  }
  const Unmount unmount{directory.path()};
  std::ofstream(directory.path() / "filler") << std::string(70'000, 'x');
  trackers::Hdf5Tracker tracker;
  CHECK_THROWS_WITH_AS(tracker.start(context_in(directory.path())),
                       doctest::Contains("No space left"), IoError);
  CHECK_FALSE(fs::exists(directory.path() / "run.h5"));
}

TEST_CASE("a disk that fills up costs the rows that do not fit, never the file") {
  ScratchDirectory directory;
  if (mount("ranklog-test", directory.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
    MESSAGE("skipped: may not mount a small file system");
    return;
  }
  const Unmount unmount{directory.path()};
  RecordMaker make;
  int n_errors = 0;
  {
    trackers::Hdf5Tracker tracker;
    tracker.start(context_in(directory.path(), 2, {{"flush_rows", 500}, {"max_pending_bytes", 0}}));
    const Metric metric = make.real("a", 1);
    for (int step = 0; step < 50'000; ++step) {
      try {
        tracker.log(RecordMaker::record(step, {metric}), {});
      } catch (const IoError& error) {
        CHECK_MESSAGE(std::string(error.what()).find("No space left") != std::string::npos,
                      error.what());
        ++n_errors;
      }
    }
    CHECK_THROWS_WITH_AS(tracker.finish({}), doctest::Contains("rows could not be written"),
                         IoError);
  }
  CHECK(n_errors == 1);
  const Series series = RunReader(directory.path()).read("a");
  CHECK(series.step.size() >= 5000);
  for (std::size_t i = 0; i < series.step.size(); ++i) {
    REQUIRE(series.step[i] == static_cast<std::int64_t>(i));
  }
  CHECK(validate_run(directory.path()).empty());  // the summary counts no row that was dropped
}

TEST_CASE("rows that find the disk full are in the file once there is room again") {
  ScratchDirectory directory;
  if (mount("ranklog-test", directory.path().c_str(), "tmpfs", 0, "size=4m") != 0) {
    MESSAGE("skipped: may not mount a small file system");
    return;
  }
  const Unmount unmount{directory.path()};
  std::ofstream(directory.path() / "filler") << std::string(3'800'000, 'x');
  RecordMaker make;
  trackers::Hdf5Tracker tracker;
  tracker.start(context_in(directory.path(), 2, {{"flush_rows", 1000}}));
  const Metric metric = make.real("a", 1);
  int n_errors = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (step == 15'000) fs::remove(directory.path() / "filler");
    try {
      tracker.log(RecordMaker::record(step, {metric}), {});
    } catch (const IoError&) {
      ++n_errors;
    }
  }
  CHECK_NOTHROW(tracker.finish({}));
  CHECK(n_errors == 1);
  CHECK(RunReader(directory.path()).read("a").step.size() == 20'000);
}

TEST_CASE("the open file can be reached to add what ranklog does not write") {
  Run run;
  const NativeHandle native = run.tracker.native();
  REQUIRE(*native.type == typeid(hid_t));
  const hid_t file = *static_cast<hid_t*>(native.object);
  CHECK(H5Iget_type(file) == H5I_FILE);
}
