// Writing the run file, against HDF5 without us: 16 metrics as the tracker gets them, in blocks of
// 1024 rows, against the same columns in bare H5Dwrite of larger blocks and in one-row appends;
// memory while writing; file sizes; many keys; reading. One rank. Processor time, as nobody waits
// for the disk. RANKLOG_BENCH_DIR keeps the run file there. Arguments: [rows] [repetitions].
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ranklog/ranklog.hpp>
#include <ranklog/record_block.hpp>
#include <ranklog/run_reader.hpp>
#include <string>
#include <vector>

#include "support/bare_file.hpp"
#include "support/program.hpp"
#include "support/scratch.hpp"
#include "trackers/hdf5/hdf5_tracker.hpp"

namespace {

using namespace ranklog::bench;  // NOLINT: this file is a benchmark
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t n_metrics = 16;
constexpr std::int64_t rows_per_window = 1024;  // of the exchange
constexpr std::int64_t rows_per_wide_window = 16;
constexpr std::int64_t rows_per_block = 8192;  // of the run file
constexpr std::size_t rows_per_chunk = 4096;   // of the run file
constexpr int n_appended_rows = 500;

// Of each metric: value, min, max, std; three ranks; two counts. Of all: step and time.
double raw_bytes(std::size_t n_keys, std::int64_t n_rows) {
  return static_cast<double>(n_rows) *
         (static_cast<double>(n_keys) * (4 * 8 + 3 * 4 + 2 * 8) + 2 * 8);
}

// What was spent between start() and stop(), user and system; other work on the machine disturbs
// that less than a clock.
class Stopwatch {
 public:
  void start() { begin_ = now(); }
  void stop() { spent_ += now() - begin_; }
  [[nodiscard]] double seconds() const { return spent_; }

 private:
  static double now() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  }
  double begin_ = 0;
  double spent_ = 0;
};

double resident_megabytes() {
  std::ifstream file("/proc/self/statm");
  double n_pages = 0;
  double n_resident = 0;
  file >> n_pages >> n_resident;
  return n_resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

ranklog::RecordBlock make_block(std::size_t n_keys) {
  ranklog::RecordBlock block;
  for (std::size_t i = 0; i < n_keys; ++i) {
    ranklog::MetricInfo info;
    info.key = fmt::format("metric{}", i);
    info.index = static_cast<std::uint32_t>(i);
    block.metrics.emplace_back().info = std::make_shared<const ranklog::MetricInfo>(info);
  }
  return block;
}

// The rows from `first` on, the same whoever writes them.
void fill(ranklog::RecordBlock& block, std::int64_t first, std::size_t n_rows) {
  block.row_step.resize(n_rows);
  block.time.resize(n_rows);
  for (std::size_t row = 0; row < n_rows; ++row) {
    block.row_step[row] = first + static_cast<std::int64_t>(row);
    block.time[row] = 1.7e9 + static_cast<double>(block.row_step[row]);
  }
  for (std::size_t i = 0; i < block.metrics.size(); ++i) {
    ranklog::BlockColumn& column = block.metrics[i];
    column.count = 4;
    for (auto* const numbers :
         {&column.value, &column.min, &column.max, &column.mean, &column.std}) {
      numbers->resize(n_rows);
      for (std::size_t row = 0; row < n_rows; ++row) {
        (*numbers)[row] = static_cast<double>(block.row_step[row]) + static_cast<double>(i);
      }
    }
    for (double& number : column.max) number += 1;
    column.min_rank.assign(n_rows, 0);
    column.max_rank.assign(n_rows, 3);
  }
}

// Calls write(block, first row) for all rows, `n` at a time; making the numbers is not timed.
template <class Write>
void for_each_block(std::size_t n_keys, std::int64_t n_rows, std::int64_t n, Stopwatch& watch,
                    Write write) {
  ranklog::RecordBlock block = make_block(n_keys);
  for (std::int64_t row = 0; row < n_rows; row += n) {
    fill(block, row, static_cast<std::size_t>(std::min(n, n_rows - row)));
    watch.start();
    write(block, row);
    watch.stop();
  }
}

struct Written {
  double seconds = 0;
  double first_tenth_mb = 0;  // peaks of the memory in use
  double last_tenth_mb = 0;
};

Written write_run(const fs::path& directory, std::size_t n_keys, std::int64_t n_rows,
                  std::int64_t n_per_window) {
  Written written;
  ranklog::trackers::Hdf5Tracker tracker;
  ranklog::TrackerContext context;
  context.project_name = context.run_name = "bench";
  context.run_id = "0123456789abcdef";
  context.run_dir = directory;
  context.n_ranks = 4;
  Stopwatch watch;
  watch.start();
  tracker.start(context);
  watch.stop();
  for_each_block(n_keys, n_rows, n_per_window, watch,
                 [&](const ranklog::RecordBlock& block, std::int64_t row) {
                   tracker.log_block(block);
                   const bool is_first = row < n_rows / 10;
                   if (!is_first && row < n_rows - n_rows / 10) return;
                   double& peak = is_first ? written.first_tenth_mb : written.last_tenth_mb;
                   peak = std::max(peak, resident_megabytes());
                 });
  watch.start();
  tracker.finish({});
  watch.stop();
  written.seconds = watch.seconds();
  return written;
}

void sync(const fs::path& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
  fdatasync(descriptor);
  close(descriptor);
}

// As durable as the run file: flushed once a second, and synced at the end.
double write_bare(const fs::path& path, std::int64_t n_rows, std::int64_t n_per_block,
                  std::size_t n_per_chunk) {
  Stopwatch watch;
  watch.start();
  auto file = std::make_unique<BareFile>(path.string(), n_metrics, n_per_chunk);
  watch.stop();
  auto next_flush = Clock::now() + std::chrono::seconds(1);
  for_each_block(n_metrics, n_rows, n_per_block, watch,
                 [&](const ranklog::RecordBlock& block, std::int64_t row) {
                   file->append(block, row);
                   if (Clock::now() < next_flush) return;
                   file->flush();
                   next_flush = Clock::now() + std::chrono::seconds(1);
                 });
  watch.start();
  file.reset();
  sync(path);
  watch.stop();
  return watch.seconds();
}

// Everything, from log() on.
double log_rows(const fs::path& directory, std::int64_t n_rows) {
  std::vector<ranklog::Item> items;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < n_metrics; ++i) keys.push_back(fmt::format("metric{}", i));
  for (const std::string& key : keys) items.emplace_back(key, 0.0);
  Stopwatch watch;
  watch.start();
  ranklog::Accelerator accelerator({.log_with = {"hdf5"}, .project_dir = directory.string()});
  accelerator.init_trackers("bench");
  for (std::int64_t row = 0; row < n_rows; ++row) {
    for (std::size_t i = 0; i < n_metrics; ++i) {
      items[i].value = ranklog::Value(static_cast<double>(row) + static_cast<double>(i));
    }
    accelerator.log(items, row);
  }
  accelerator.end_training();
  watch.stop();
  return watch.seconds();
}

struct Read {
  double open_s = 0;
  double all_s = 0;
  bool is_correct = true;
};

// The values are those of fill().
Read read_back(const fs::path& path, std::size_t n_keys, std::int64_t n_rows) {
  Read read;
  Stopwatch watch;
  watch.start();
  const ranklog::RunReader reader(path);
  read.is_correct = reader.series().size() == n_keys;
  watch.stop();
  read.open_s = watch.seconds();
  watch.start();
  for (std::size_t i = 0; i < n_keys; ++i) {
    const ranklog::Series series = reader.read(fmt::format("metric{}", i));
    read.is_correct =
        read.is_correct && series.value.size() == static_cast<std::size_t>(n_rows) &&
        series.value.back() == static_cast<double>(n_rows - 1) + static_cast<double>(i) &&
        series.count.back() == 4 && series.max_rank.back() == 3;
  }
  watch.stop();
  read.all_s = watch.seconds();
  return read;
}

struct Figures {
  std::vector<double> large, small, appended, tracked, logged, first_mb, last_mb, growth;
  std::vector<double> open_s, read, wide, wide_open_s, wide_read;
  double size_ratio = 0, wide_size_ratio = 0;
};

void measure_long(Figures& figures, const fs::path& scratch, std::int64_t n_rows,
                  bool& is_correct) {
  const auto per_row = [&](double seconds) { return seconds * 1e9 / static_cast<double>(n_rows); };
  const fs::path run = scratch / "run.h5";
  fs::remove(run);
  // First, while the process has not grown for anything else.
  const Written written = write_run(scratch, n_metrics, n_rows, rows_per_window);
  figures.tracked.push_back(per_row(written.seconds));
  figures.first_mb.push_back(written.first_tenth_mb);
  figures.last_mb.push_back(written.last_tenth_mb);
  figures.growth.push_back(written.last_tenth_mb / written.first_tenth_mb);
  figures.size_ratio = static_cast<double>(fs::file_size(run)) / raw_bytes(n_metrics, n_rows);
  const fs::path bare = scratch / "bare.h5";
  figures.large.push_back(per_row(write_bare(bare, n_rows, rows_per_block, rows_per_chunk)));
  figures.small.push_back(per_row(write_bare(bare, n_rows, rows_per_window, rows_per_window)));
  figures.appended.push_back(write_bare(bare, n_appended_rows, 1, rows_per_window) * 1e9 /
                             n_appended_rows);
  fs::remove(bare);
  figures.logged.push_back(per_row(log_rows(scratch / "logged", n_rows)));
  fs::remove_all(scratch / "logged");
  const Read read = read_back(run, n_metrics, n_rows);
  figures.open_s.push_back(read.open_s);
  figures.read.push_back(per_row(read.all_s));
  is_correct = is_correct && read.is_correct;
}

void measure_wide(Figures& figures, const fs::path& scratch, std::size_t n_keys,
                  std::int64_t n_rows, bool& is_correct) {
  const fs::path directory = scratch / "wide";
  fs::create_directory(directory);
  const auto per_number = [&](double seconds) {
    return seconds * 1e9 / (static_cast<double>(n_keys) * static_cast<double>(n_rows));
  };
  figures.wide.push_back(
      per_number(write_run(directory, n_keys, n_rows, rows_per_wide_window).seconds));
  figures.wide_size_ratio =
      static_cast<double>(fs::file_size(directory / "run.h5")) / raw_bytes(n_keys, n_rows);
  const Read read = read_back(directory / "run.h5", n_keys, n_rows);
  figures.wide_open_s.push_back(read.open_s);
  figures.wide_read.push_back(per_number(read.all_s));
  is_correct = is_correct && read.is_correct;
  fs::remove_all(directory);
}

int run(const Sizes& sizes) {
  const ScratchDirectory scratch;
  const char* const kept = std::getenv("RANKLOG_BENCH_DIR");
  const fs::path directory = kept == nullptr ? scratch.path() : fs::path(kept);
  // 10,000 keys take minutes, so the short form has fewer.
  const bool is_short = sizes.n_steps < 1'000'000;
  const std::size_t n_keys = is_short ? 500 : 10'000;
  const std::int64_t n_wide_rows = is_short ? 200 : 1'000;
  bool is_correct = true;
  Figures figures;
  for (int i = 0; i < sizes.n_repetitions; ++i) {
    measure_long(figures, directory, sizes.n_steps, is_correct);
  }
  measure_wide(figures, directory, n_keys, n_wide_rows, is_correct);

  Report report("run_file", sizes);
  report.add("bare HDF5, the run file's blocks", "ns/row", figures.large);
  report.add("bare HDF5, blocks of 1,024 rows", "ns/row", figures.small);
  report.add("bare HDF5, one row at a time", "ns/row", figures.appended);
  report.add("run file", "ns/row", figures.tracked);
  report.add("log() of 16 numbers with the run file", "ns/row", figures.logged);
  const double own = median(figures.tracked);
  report.add("speed of the run file / the same blocks", "ratio", median(figures.large) / own);
  report.add("speed of the run file / blocks of 1,024", "ratio", median(figures.small) / own);
  report.add("speed of the run file / one row at a time", "ratio", median(figures.appended) / own);
  report.add("memory, peak of the first tenth", "MB", figures.first_mb);
  report.add("memory, peak of the last tenth", "MB", figures.last_mb);
  report.add("memory, last tenth / first tenth", "ratio", figures.growth.front());
  report.add("file / raw numbers", "ratio", figures.size_ratio);
  report.add("RunReader, open and list", "s", figures.open_s);
  report.add("RunReader, read all columns", "ns/row", figures.read);
  report.add("many keys", "keys", static_cast<double>(n_keys));
  report.add("many keys, rows", "rows", static_cast<double>(n_wide_rows));
  report.add("many keys, write", "ns/number", figures.wide);
  report.add("many keys, open and list", "s", figures.wide_open_s);
  report.add("many keys, read all columns", "ns/number", figures.wide_read);
  report.add("many keys, file / raw numbers", "ratio", figures.wide_size_ratio);
  return report.finish(is_correct);
}

}  // namespace

int main(int argc, char** argv) { return program(argc, argv, "run_file", {3, 100'000}, run); }
