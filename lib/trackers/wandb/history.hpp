// The rows of a W&B history, and the newest value of every key, which is the run's summary.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ranklog::wandb_proto {
class History;
class Record;
}  // namespace ranklog::wandb_proto

namespace ranklog::trackers::wandb {

class MetricDefinitions;
struct MetricDefinition;
class RunLog;
class SummaryNumbers;

// What is logged at one step is one row, as in W&B, and rows are written in the order of their
// steps. Rows of the last second stay open, so that values which come a little late, or whose
// steps come a little out of order, find their row; the newest row stays open until write_all().
// Media are logged on one rank and come before the rows that all ranks still agree on: a row of
// media alone that is beyond those stays open for a minute. Thread safety: one thread at a time.
// Errors of all members: as RunLog; what could not be written yet is kept by the log, and the call
// did what else it had to do.
class History {
 public:
  // Rows that are open at most.
  static constexpr std::size_t max_open_rows = 4096;

  // `begun` in seconds since the epoch: what `_runtime` counts from, in a replay also in a log that
  // goes on.
  History(RunLog& log, double begun, bool is_replay = false);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  // Writes what `definitions`, which must outlive this object, say about keys: before the first
  // row.
  void define(const MetricDefinitions& definitions);
  // Takes over a row that an earlier attempt wrote: its part in the summary and its runtime, from
  // which the time of this attempt goes on.
  void take_written(const wandb_proto::History& row);
  // Leaves out all up to and including the last row that was taken over.
  void refuse_written_steps() noexcept { first_step_ = newest_step_ + 1; }

  enum class Source : std::uint8_t { record, media };
  // Opens the row of `step`, or goes on with it; without a step the newest row if it is not
  // committed, else a new one. False, and nothing happens, for a step that was written already.
  [[nodiscard]] bool begin(std::optional<std::int64_t> step, double time, Source source);
  // Sets a value of the row that begin() opened, as JSON.
  void set(std::string_view key, std::string_view json);
  // The next row without a step is a new one.
  void commit() noexcept { is_committed_ = true; }

  // Writes the rows that have been open for long enough, all but the newest.
  void write_settled();
  // Writes all rows. What is set at the newest step afterwards becomes a second row of it.
  void write_all();
  // Writes what changed in the summary.
  void write_summary();

  // The lowest step that begin() takes.
  [[nodiscard]] std::int64_t first_step() const noexcept { return first_step_; }
  // Of the row that begin() opened.
  [[nodiscard]] std::int64_t open_step() const noexcept { return open_step_; }
  [[nodiscard]] double runtime() const noexcept { return newest_time_ - start_; }
  // All of the summary as one JSON object.
  [[nodiscard]] std::string summary_json() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Row {
    std::unique_ptr<wandb_proto::Record> record;
    double time = 0;
    std::uint64_t serial = 0;  // unlike that of any other row
    Clock::time_point touched;
  };
  // The newest value of a key, and where it is among the items of its row.
  struct Cell {
    std::string json;
    std::int64_t step = -1;
    std::uint64_t row = 0;
    int item = 0;
    bool is_changed = false;  // since the summary was written
    const MetricDefinition* definition = nullptr;
    std::shared_ptr<SummaryNumbers> numbers = {};  // of keys whose definition has a summary
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  Cell& cell_of(std::string_view key);
  void apply_definitions(wandb_proto::History& row);
  void write_row(std::map<std::int64_t, Row>::iterator row);

  RunLog& log_;
  const MetricDefinitions* definitions_ = nullptr;          // null without any
  std::map<std::string, std::string, std::less<>> x_axes_;  // their newest values, as JSON
  const double begun_;
  const bool is_replay_;
  double start_;  // begun_ less the runtime of earlier attempts
  double newest_time_;
  std::uint64_t n_rows_ = 0;
  std::int64_t first_step_ = 0;
  std::int64_t newest_step_ = -1;
  std::int64_t newest_record_ = -1;  // the highest step that a record came for
  std::int64_t open_step_ = -1;
  bool is_committed_ = true;
  bool is_new_row_ = false;  // the open row has no values from earlier calls
  Row* row_ = nullptr;
  std::map<std::int64_t, Row> rows_;  // by step
  std::vector<std::unique_ptr<wandb_proto::Record>> spare_;
  std::unordered_map<std::string, Cell, Hash, std::equal_to<>> cells_;
};

}  // namespace ranklog::trackers::wandb
