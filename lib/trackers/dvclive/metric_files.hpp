// The tables and the summary of all metrics of a run.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trackers/dvclive/summary.hpp"

namespace ranklog::trackers::dvclive {

// Collects rows and writes them to plots/metrics/<key>.tsv, each file's with one call, and then
// metrics.json. Holds no file open, because there may be thousands. Thread safety: none.
class MetricFiles {
 public:
  explicit MetricFiles(std::filesystem::path dir) : dir_(std::move(dir)) {}

  // Cuts what an earlier attempt wrote off before `from_step`, and takes up its last values.
  // Errors: IoError, FileFormatError.
  void resume(std::int64_t from_step);
  // `field` as in a table's row, quoted for it; `json` for metrics.json. Errors: IoError when more
  // than 64 MiB wait because nothing can be written; the row is then left out.
  void add(std::string_view key, std::int64_t step, std::string_view field, std::string json);
  // Writes what waits. Errors: IoError; what could not be written is kept and tried again.
  void write();

  [[nodiscard]] std::size_t pending_bytes() const noexcept { return n_pending_; }
  [[nodiscard]] bool has_rows() const noexcept { return !series_.empty(); }

 private:
  struct Series {
    LastValue last;
    std::filesystem::path file;
    std::string pending;
    bool has_file = false;
  };
  [[nodiscard]] Series& series_of(std::string_view key);
  void write_rows(Series& series);

  std::filesystem::path dir_;
  std::map<std::string, Series, std::less<>> series_;  // by key
  std::vector<Series*> waiting_;                       // those with pending rows
  std::optional<std::int64_t> step_;                   // of the newest row
  std::size_t n_pending_ = 0;
  std::int64_t n_left_out_ = 0;
  bool is_summary_old_ = false;
};

}  // namespace ranklog::trackers::dvclive
