// The tracker that writes <run_dir>/run.h5, described in docs/format.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ranklog/tracker.hpp"
#include "trackers/hdf5/output_file.hpp"
#include "trackers/hdf5/series.hpp"
#include "trackers/hdf5/summary_table.hpp"
#include "trackers/hdf5/table.hpp"

namespace ranklog::trackers {

// Rows are collected, handed to HDF5 in blocks of 8192, and flushed when `flush_interval_s` has
// passed since the last flush or when a metric got `flush_rows` rows (both options; 1.0 and
// 65536). A flush takes place as a whole or not at all, so killing the process loses only what
// came later. Option `sync` says which flushes wait for the disk: `never`, `flush` (those that are
// asked for, and the last; the default) or `always`.
//
// Errors: RunExistsError if there is a run.h5 (never overwritten); IoError naming the file and the
// cause. What the system refuses to write waits in memory, up to option `max_pending_bytes` (256
// MiB), and is tried again at every flush; this is reported once, and what is lost in the end when
// the run ends. After a failed HDF5 call the file stays as the last flush left it.
// Unwrap to `hid_t`, the open file, to add attributes or datasets of your own.
class Hdf5Tracker final : public GeneralTracker {
 public:
  Hdf5Tracker() = default;
  ~Hdf5Tracker() override;

  [[nodiscard]] std::string name() const override { return "hdf5"; }
  [[nodiscard]] bool requires_logging_directory() const override { return true; }
  // The caller's thread, unless the library was built to be used from several.
  [[nodiscard]] ThreadAffinity thread_affinity() const override;

  [[nodiscard]] std::optional<std::int64_t> next_step(
      const std::filesystem::path& run_dir) override;
  void start(const TrackerContext& context) override;
  void store_init_configuration(const Config& config) override;
  void log(const Record& record, const Config& options) override;
  [[nodiscard]] bool takes_blocks() const override { return true; }
  void log_block(const RecordBlock& block) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;
  [[nodiscard]] NativeHandle native() override;

 private:
  using Clock = std::chrono::steady_clock;

  void add(const Record& record);
  // Marks the record's series and tables, makes those of new keys, and splits tables of which the
  // record holds only some metrics.
  void prepare_tables(const Record& record);
  // Null for a metric that does not fit what earlier attempts recorded under its key.
  [[nodiscard]] hdf5::Series* series_of(const Metric& metric);
  [[nodiscard]] std::unique_ptr<hdf5::Series> continued_or_new(
      const std::shared_ptr<const MetricInfo>& info);
  void take_over();
  void summarize_continued();
  void report_rejection();
  void read_options(const Config& given);
  void write_if_due();
  void write_waiting(h5::Durability durability);
  // Gives HDF5 the rows that wait, or drops them when too much waits for a disk that refuses.
  void hand_over();
  void commit(h5::Durability durability);
  void report_failure(const h5::CommitFailure& failure);
  // Reports, once, that the file was removed or replaced.
  void check_path();
  void write_closing_facts(const RunOutcome& outcome);
  // Throws IoError if rows were lost.
  void close_file();
  // Rows of all tables that wait to be handed to HDF5.
  [[nodiscard]] std::size_t n_rows_waiting() const noexcept;
  // Drops them and returns their number.
  std::size_t drop_waiting() noexcept;
  // Runs `body`; a failed HDF5 call becomes an IoError and ends all further writing.
  template <class Body>
  void guarded(const char* action, Body body);
  [[noreturn]] void fail(const char* action, const std::string& cause) const;

  std::unique_ptr<hdf5::OutputFile> file_;
  hdf5::Placement placement_;
  std::vector<std::unique_ptr<hdf5::Series>> series_by_index_;
  // Of earlier attempts, by key, until the key is logged again.
  std::map<std::string, std::unique_ptr<hdf5::Series>> continued_;
  std::set<std::size_t> rejected_;  // indices of metrics that do not fit what is stored
  std::string rejection_;           // why, until it was reported
  std::int64_t next_index_ = 0;     // of a metric that is new in the run
  std::vector<std::unique_ptr<hdf5::Table>> tables_;
  std::vector<hdf5::Table*> touched_;  // by the record at hand
  hdf5::SummaryTable summary_;
  Record block_keys_;  // what prepare_tables() gets for a block
  std::size_t n_series_ = 0;
  std::uint64_t n_records_ = 0;
  std::size_t n_bytes_waiting_ = 0;
  std::size_t most_rows_waiting_ = 0;      // of a table
  std::size_t most_rows_handed_over_ = 0;  // since the last flush
  std::size_t n_rows_pending_ = 0;         // of all tables, handed to HDF5 and not yet committed
  std::size_t n_rows_lost_ = 0;
  bool is_broken_ = false;
  bool is_failing_ = false;  // the last commit did not work
  bool has_reported_path_ = false;

  std::size_t flush_rows_ = 1;
  std::size_t max_pending_bytes_ = 0;
  h5::Durability periodically_ = h5::Durability::process;
  h5::Durability when_asked_ = h5::Durability::disk;
  Clock::duration flush_interval_ = std::chrono::seconds(1);
  Clock::time_point next_write_;
  Clock::time_point next_path_check_;
};

[[nodiscard]] std::unique_ptr<GeneralTracker> make_hdf5_tracker();

}  // namespace ranklog::trackers
