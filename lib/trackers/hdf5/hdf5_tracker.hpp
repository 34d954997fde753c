// The tracker that writes <run_dir>/run.h5, described in docs/format.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ranklog/tracker.hpp"
#include "trackers/hdf5/output_file.hpp"
#include "trackers/hdf5/series.hpp"
#include "trackers/hdf5/table.hpp"

namespace ranklog::trackers {

// Rows wait in memory and are written in blocks: when `flush_rows` rows of a metric wait, when
// `flush_interval_s` has passed since the last write (both options; 1024 and 1.0), or when they
// take 32 MiB. After each block the file is complete on the operating system's side, so killing
// the process loses only what came later.
//
// Errors: RunExistsError if there is a run.h5 (never overwritten); IoError naming the file, the
// object and HDF5's words. A block that does not fit on the disk is dropped, says how many rows it
// held, and later blocks are tried again. After any other failed write the file is left alone.
// Unwrap to `hid_t`, the open file, to add attributes or datasets of your own.
class Hdf5Tracker final : public GeneralTracker {
 public:
  Hdf5Tracker() = default;
  ~Hdf5Tracker() override;

  [[nodiscard]] std::string name() const override { return "hdf5"; }
  [[nodiscard]] bool requires_logging_directory() const override { return true; }
  // The caller's thread, unless the library was built to be used from several.
  [[nodiscard]] ThreadAffinity thread_affinity() const override;

  void start(const TrackerContext& context) override;
  void store_init_configuration(const Config& config) override;
  void log(const Record& record, const Config& options) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;
  [[nodiscard]] NativeHandle native() override;

 private:
  using Clock = std::chrono::steady_clock;

  void add(const Record& record);
  // Marks the record's series and tables, makes those of new keys, and splits tables of which the
  // record holds only some metrics.
  void prepare_tables(const Record& record);
  [[nodiscard]] hdf5::Series& series_of(const Metric& metric);
  void write_waiting();
  void write_blocks();
  void write_closing_facts(const RunOutcome& outcome);
  void close_file();
  // Drops the rows that wait and returns their number, summed over tables.
  std::size_t drop_waiting() noexcept;
  // Runs `body`; a failed HDF5 call becomes an IoError and ends all further writing.
  template <class Body>
  void guarded(const char* action, Body body);
  [[noreturn]] void fail(const char* action, const std::string& cause);

  std::unique_ptr<hdf5::OutputFile> file_;
  hdf5::Placement placement_;
  std::vector<std::unique_ptr<hdf5::Series>> series_by_index_;
  std::vector<std::unique_ptr<hdf5::Table>> tables_;
  std::vector<hdf5::Table*> touched_;  // by the record at hand
  std::size_t n_series_ = 0;
  std::uint64_t n_records_ = 0;
  std::size_t n_bytes_waiting_ = 0;
  std::size_t most_rows_waiting_ = 0;
  std::size_t n_rows_lost_ = 0;
  bool is_broken_ = false;

  std::size_t flush_rows_ = 1024;
  Clock::duration flush_interval_ = std::chrono::seconds(1);
  Clock::time_point next_write_;
};

[[nodiscard]] std::unique_ptr<GeneralTracker> make_hdf5_tracker();

}  // namespace ranklog::trackers
