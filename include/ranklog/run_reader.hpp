// Reads a run file (docs/format.md) back. Needs HDF5, not MPI, so it works on a login node.
#pragma once

#include <cstdint>
#include <filesystem>
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
};

struct SeriesInfo {
  std::string key;
  Kind kind = Kind::real;
  Reduction reduction = Reduction::mean;
  std::string unit;
  std::string long_name;
  std::int64_t n_rows = 0;
  bool has_per_rank = false;
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
  [[nodiscard]] Series read(std::string_view key) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Run files below `directory` (or the one it names), sorted by path. Unreadable directories are
// passed over. Errors: DirectoryError if `directory` does not exist.
[[nodiscard]] std::vector<std::filesystem::path> find_runs(const std::filesystem::path& directory);

}  // namespace ranklog
