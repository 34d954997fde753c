// Metrics that are logged together: they have the same rows, and share one step and one time
// dataset. A table never gains metrics; it is split when a record holds only some of them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "trackers/hdf5/column.hpp"
#include "trackers/hdf5/group_tree.hpp"
#include "trackers/hdf5/series.hpp"

namespace ranklog::trackers::hdf5 {

// Where the metrics' groups go.
struct Placement {
  GroupTree metrics;
  GroupTree texts;
};

class Table {
 public:
  // The metrics must not have rows yet, unless they come from a split.
  explicit Table(std::vector<Series*> series);

  // Takes over the datasets that an earlier attempt left: `n_rows` rows in all of them.
  void adopt(const OutputFile& file, hsize_t n_rows);

  // Adds a row; the caller adds the values to the series.
  void add_row(std::int64_t step, double time);
  void add_rows(const std::vector<std::int64_t>& steps, const std::vector<double>& times);
  [[nodiscard]] std::size_t n_rows_waiting() const noexcept { return n_rows_waiting_; }
  [[nodiscard]] bool is_created() const noexcept { return step_.is_created(); }
  [[nodiscard]] const std::vector<Series*>& series() const noexcept { return series_; }
  // Drops the rows that wait.
  void clear() noexcept;

  // Writes the rows that wait as one block; creates the datasets first if there are none. When
  // `keep_open` is false, closes the datasets.
  void write(OutputFile& file, Placement& placement, std::size_t n_series_of_run, bool keep_open);
  // Takes the series of which `last_record` is not `record` out, with all rows, into a table of
  // their own; or those of which it is, if they are fewer. Both kinds must be there.
  [[nodiscard]] std::unique_ptr<Table> split(OutputFile& file, std::uint64_t record);

  std::uint64_t last_record = 0;  // the number of the last record that held one of the metrics
  std::size_t n_hits = 0;         // how many of the metrics it held

 private:
  [[nodiscard]] hsize_t choose_chunk_rows(std::size_t n_series_of_run) const noexcept;
  void create(OutputFile& file, Placement& placement, Series& one);
  void create_step_and_time(const OutputFile& file, hid_t group);
  void link_step_and_time(const OutputFile& file, hid_t group) const;
  void copy_rows(OutputFile& file, Table& from);
  void move_columns(OutputFile& file, Table& from);
  void list_step_uses(const OutputFile& file);

  std::vector<Series*> series_;
  Column step_{"step", Cell::integer};
  Column time_{"time", Cell::real};
  hsize_t chunk_rows_ = 0;  // 0 until the datasets are created
  hsize_t n_rows_written_ = 0;
  std::size_t n_rows_waiting_ = 0;
};

}  // namespace ranklog::trackers::hdf5
