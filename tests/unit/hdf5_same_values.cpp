// Columns that hold the same number in most rows, which the file does not store.
#include <doctest/doctest.h>
#include <hdf5.h>
#include <malloc.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "unit/hdf5_support.hpp"

using namespace ranklog;                // NOLINT: a test file
using namespace ranklog::test_support;  // NOLINT

namespace {

const Config when_told{{"flush_interval_s", 1e6}, {"flush_rows", 1'000'000}};

// Of one row: how many values were counted, how many of them were NaN, and at which rank.
struct Counted {
  std::int64_t count = 2, nan_count = 0;
  std::int32_t first_nan_rank = -1;
};

// Mostly the same, with rows that differ alone, next to each other, and at the ends of chunks.
Counted counted_at(std::int64_t step) {
  if (step < 700) return {};
  if (step % 97 == 0) return {1, 1, 0};
  if (step % 1024 == 1023 || step % 16 == 15) return {1, 0, -1};
  return step > 5000 && step < 5040 ? Counted{2, 2, 0} : Counted{};
}

void log(trackers::Hdf5Tracker& tracker, RecordMaker& make, std::int64_t step, Counted counted) {
  Metric metric = make.real("loss", static_cast<double>(step));
  metric.statistics.count = counted.count;
  metric.statistics.nan_count = counted.nan_count;
  metric.statistics.first_nan_rank = counted.first_nan_rank;
  tracker.log(RecordMaker::record(step, {std::move(metric)}), {});
}

void check_counts(const std::filesystem::path& file, std::int64_t n_rows,
                  Counted (*expected)(std::int64_t)) {
  const Series series = RunReader(file).read("loss");
  REQUIRE(series.count.size() == static_cast<std::size_t>(n_rows));
  std::int64_t n_wrong = 0;
  for (std::int64_t step = 0; step < n_rows; ++step) {
    const auto row = static_cast<std::size_t>(step);
    const Counted wanted = expected(step);
    const bool is_right = series.step[row] == step && series.count[row] == wanted.count &&
                          series.nan_count[row] == wanted.nan_count &&
                          series.first_nan_rank[row] == wanted.first_nan_rank;
    n_wrong += is_right ? 0 : 1;
  }
  CHECK(n_wrong == 0);
}

hsize_t stored_bytes(const Run& run, const char* column) {
  const h5::File file(H5Fopen(run.file().c_str(), H5F_ACC_RDONLY, h5::unlocked_access().get()));
  const std::string path = std::string("metrics/loss/") + column;
  const h5::Dataset dataset(H5Dopen2(file.get(), path.c_str(), H5P_DEFAULT));
  REQUIRE(dataset);
  return H5Dget_storage_size(dataset.get());
}

}  // namespace

TEST_CASE("a number that is the same in all rows takes no space and reads as it was") {
  Run run;
  for (std::int64_t step = 0; step < 3000; ++step) log(run.tracker, run.make, step, {2, 0, -1});
  run.finish();
  for (const char* const column : {"count", "nan_count", "first_nan_rank"}) {
    CHECK(stored_bytes(run, column) == 0);
  }
  CHECK(stored_bytes(run, "value") >= 3000 * sizeof(double));
  CHECK(stored_bytes(run, "max_rank") > 0);  // two ranks take turns
  check_counts(run.file(), 3000, [](std::int64_t) { return Counted{2, 0, -1}; });
}

TEST_CASE("one rank's spread and ranks take no space") {
  Run run(1);
  for (std::int64_t step = 0; step < 100; ++step) {
    Metric metric = run.make.real("loss", static_cast<double>(step));
    const auto x = static_cast<double>(step);
    metric.statistics = {1, 0, 1.0, x, x, x, 0, 0, 0, -1};
    run.log(step, {metric});
  }
  run.finish();
  for (const char* const column : {"std", "min_rank", "max_rank"}) {
    CHECK(stored_bytes(run, column) == 0);
  }
  const Series series = RunReader(run.file()).read("loss");
  CHECK(series.std == std::vector<double>(100, 0.0));
  CHECK(series.max_rank == std::vector<std::int32_t>(100, 0));
}

TEST_CASE("rows that begin to differ are right, whatever the blocks they come in") {
  for (const std::int64_t n_per_flush : {7, 500, 5000, 8192}) {
    CAPTURE(n_per_flush);
    Run run;
    constexpr std::int64_t n_rows = 9000;
    for (std::int64_t step = 0; step < n_rows; ++step) {
      log(run.tracker, run.make, step, counted_at(step));
      if (step % n_per_flush == n_per_flush - 1) run.tracker.flush();
    }
    run.finish();
    check_counts(run.file(), n_rows, counted_at);
  }
}

TEST_CASE("what an attempt left behind the rows that were cut off is not read again") {
  const auto varied = [](std::int64_t step) { return Counted{1 + step % 2, step % 2, 0}; };
  Run run;
  // From row 40 on each row differs from the one before; the next attempt replaces them from 50 on.
  for (std::int64_t step = 0; step < 300; ++step) {
    log(run.tracker, run.make, step, step < 40 ? Counted{} : varied(step));
    if (step == 39 || step == 199) run.tracker.flush();
  }
  run.finish();
  trackers::Hdf5Tracker next;
  TrackerContext context = context_in(run.directory.path(), 2, when_told);
  context.attempt = 1;
  context.is_resumed = true;
  context.from_step = 50;
  next.start(context);
  for (std::int64_t step = 50; step < 400; ++step) log(next, run.make, step, {});
  next.finish({});
  check_counts(run.file(), 400, [](std::int64_t step) {
    return step < 40 || step >= 50 ? Counted{} : Counted{1 + step % 2, step % 2, 0};
  });
  const RunReader reader(run.file());
  const Series replaced = reader.read_abandoned(reader.abandoned().front(), {});
  CHECK(replaced.count.size() == 250);
  CHECK(replaced.nan_count[1] == 1);
}

TEST_CASE("a column that claims rows which no other column has is refused") {
  Run run;
  for (std::int64_t step = 0; step < 10; ++step) log(run.tracker, run.make, step, {});
  run.finish();
  {
    const h5::File file(H5Fopen(run.file().c_str(), H5F_ACC_RDWR, h5::unlocked_access().get()));
    const h5::Dataset count(H5Dopen2(file.get(), "metrics/loss/count", H5P_DEFAULT));
    const hsize_t n_rows = hsize_t{1} << 50;
    REQUIRE(H5Dset_extent(count.get(), &n_rows) >= 0);
  }
  CHECK_THROWS_WITH_AS((void)RunReader(run.file()).read("loss"), doctest::Contains("'count'"),
                       FileFormatError);
  trackers::Hdf5Tracker next;
  TrackerContext context = context_in(run.directory.path(), 2, when_told);
  context.attempt = 1;
  context.is_resumed = true;
  CHECK_THROWS_WITH_AS(next.start(context), doctest::Contains("claims more rows"), IoError);
}

TEST_CASE("closing a file leaves nothing that HDF5 still looks into") {
  mallopt(M_PERTURB, 0x5a);  // what is freed is overwritten
  {
    Run run;
    log(run.tracker, run.make, 0, {});
    run.finish();
    CHECK(RunReader(run.file()).series().size() == 1);
  }
  mallopt(M_PERTURB, 0);
}
