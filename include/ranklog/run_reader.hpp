// Reads a run file (docs/format.md) back. Needs HDF5, not MPI, so it works on a login node.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/config.hpp"
#include "ranklog/provenance.hpp"
#include "ranklog/reduction.hpp"

namespace ranklog {

struct RunInfo {
  std::string project;
  std::string run_name;
  std::string run_id;
  std::string status;   // running, completed, failed; a killed run stays "running"
  std::string created;  // ISO 8601 with zone
  std::string library_version;
  std::int64_t n_ranks = 0;
  double duration_s = 0;  // from creation to the last recorded row
  std::optional<std::int64_t> last_step;
  double created_time = 0;    // seconds since the Unix epoch
  std::string status_reason;  // why it failed, if it says
};

struct SeriesInfo {
  std::string key;
  Kind kind = Kind::real;
  Reduction reduction = Reduction::mean;
  std::string unit;
  std::string long_name;
  std::int64_t n_rows = 0;
  bool has_per_rank = false;
  NanPolicy nan = NanPolicy::propagate;
};

// Columns of one metric; index = row, in the order of recording. Text series have step, time, text
// and, if gathered, the per-rank columns of text. Series of whole numbers have `integers`, which is
// exact, beside `value`.
struct Series {
  SeriesInfo info;
  std::vector<std::int64_t> step;
  std::vector<double> time;
  std::vector<double> value, min, max, std;
  std::vector<std::int64_t> integers;
  std::vector<std::int32_t> min_rank, max_rank, first_nan_rank;  // -1: none
  std::vector<std::int64_t> count, nan_count;
  std::vector<std::string> text;
  // Gathered values, row-major [row][n_ranks * width]; absent ranks hold NaN and count 0.
  std::vector<double> per_rank;
  std::vector<std::int64_t> per_rank_integers;  // kinds integer and boolean; absent: INT64_MIN
  std::vector<std::string> per_rank_text;       // kind text; absent: empty
  std::vector<std::int64_t> per_rank_count;     // elements that each rank gave, [row][n_ranks]
  std::int64_t per_rank_width = 1;
};

// Columns that read() may leave out, which then stay empty. Steps are always read.
enum class Columns : std::uint16_t {
  time = 1,
  value = 2,  // with `integers`, or `text`
  min = 4,
  max = 8,
  std = 16,
  min_rank = 32,
  max_rank = 64,
  first_nan_rank = 128,
  count = 256,
  nan_count = 512,
  per_rank = 1024,
  scalars = 1023,  // all but per_rank
  all = 2047,
};
[[nodiscard]] constexpr Columns operator|(Columns a, Columns b) noexcept {
  return static_cast<Columns>(static_cast<std::uint16_t>(a) | static_cast<std::uint16_t>(b));
}
[[nodiscard]] constexpr bool contains(Columns set, Columns one) noexcept {
  return (static_cast<std::uint16_t>(set) & static_cast<std::uint16_t>(one)) != 0;
}

// Rows first, first + stride, ... below `end`, as far as there are any.
struct RowRange {
  std::int64_t first = 0;
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  std::int64_t stride = 1;
};

// Steps from `first` to `last`, both included.
struct StepRange {
  std::int64_t first = std::numeric_limits<std::int64_t>::min();
  std::int64_t last = std::numeric_limits<std::int64_t>::max();
};

struct ReadOptions {
  Columns columns = Columns::scalars;
  RowRange rows = {};
  std::optional<StepRange> steps = {};  // of those rows, the ones at these steps
};

// One start of the job. A run that was never resumed has one.
struct AttemptInfo {
  std::int32_t number = 0;
  std::string started;  // ISO 8601; empty in files of ranklog 0.1
  // Where it took the run up. Rows of earlier attempts at this step and later are set aside.
  std::optional<std::int64_t> from_step;
  std::string status;  // as RunInfo::status; "interrupted" if a later attempt found it running
  Config facts;        // provenance
};

// Rows of a metric that a later attempt replaced.
struct AbandonedSeries {
  std::int32_t attempt = 0;      // that recorded them
  std::int32_t replaced_by = 0;  // the attempt that took the run up before them
  SeriesInfo info;
};

// What a run says about a metric that has numbers, as of its last flush. Rows that no rank filled
// are left out.
struct SummaryInfo {
  std::string key;
  std::optional<std::int64_t> last_step;
  double last = 0;  // the newest value
  double mean = 0;  // of the values, NaN left out
  double min = 0;   // over all rows and ranks; NaN if there is none
  double max = 0;
  std::int64_t count = 0;       // values that were logged, over all rows and ranks
  std::int64_t n_nan_rows = 0;  // rows in which some rank logged a NaN
  std::optional<std::int64_t> first_nan_step;
  std::optional<std::int32_t> first_nan_rank;
  // The rank that held the largest value of its row (the smallest, for metrics reduced by min) in
  // most of the rows in which ranks differ, the lowest of them on a tie.
  std::optional<std::int32_t> worst_rank;
  std::int64_t n_rows_worst = 0;
  std::int64_t n_rows_compared = 0;
};

// An open run. Move-only. Thread safety: one thread at a time (HDF5).
// Errors of all members: FileFormatError for a file that is no run file, is damaged or is from a
// newer format, naming the path and the object; IoError when the system refuses.
class RunReader {
 public:
  // `path` is a run file or a run directory that holds run.h5.
  explicit RunReader(const std::filesystem::path& path);
  ~RunReader();
  RunReader(RunReader&&) noexcept;
  RunReader& operator=(RunReader&&) noexcept;

  [[nodiscard]] const std::filesystem::path& path() const noexcept;
  [[nodiscard]] RunInfo info() const;
  [[nodiscard]] Config config() const;
  [[nodiscard]] Provenance provenance() const;
  // In the order in which the keys were first recorded. Cheap: does not read the columns.
  [[nodiscard]] std::vector<SeriesInfo> series() const;
  // Empty for a run without numbers, and for one that ranklog 0.1 did not finish. Cheap, whatever
  // the run's size.
  [[nodiscard]] std::vector<SummaryInfo> summary() const;
  // All columns and rows: the continuous series, whatever attempts recorded it.
  // Errors of both: UsageError for a key that the run does not have.
  [[nodiscard]] Series read(std::string_view key) const;
  [[nodiscard]] Series read(std::string_view key, const ReadOptions& options) const;

  // In order; at least one.
  [[nodiscard]] std::vector<AttemptInfo> attempts() const;
  // What later attempts replaced, by attempt.
  [[nodiscard]] std::vector<AbandonedSeries> abandoned() const;
  [[nodiscard]] Series read_abandoned(const AbandonedSeries& series,
                                      const ReadOptions& options = {}) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A place in a run file where it is not what docs/format.md says.
struct Defect {
  std::string object;  // path in the file
  std::string what;
};

// Reads the whole file and returns what is wrong with it, at most one defect for each rule and
// object; nothing for a file that is as it should be, also while a job writes it.
// Errors: IoError when the system refuses.
[[nodiscard]] std::vector<Defect> validate_run(const std::filesystem::path& path);

// Run files below `directory` (or the one it names), sorted by path. Unreadable directories are
// passed over. Errors: DirectoryError if `directory` does not exist.
[[nodiscard]] std::vector<std::filesystem::path> find_runs(const std::filesystem::path& directory);

}  // namespace ranklog
