// One metric: its group in the file and the columns in it.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/record.hpp"
#include "ranklog/record_block.hpp"
#include "trackers/hdf5/column.hpp"
#include "trackers/hdf5/dimension_scales.hpp"
#include "trackers/hdf5/summary.hpp"

namespace ranklog::trackers::hdf5 {

class Table;

class Series {
 public:
  // `index` counts the run's metrics in the order in which they were first recorded.
  Series(std::shared_ptr<const MetricInfo> info, std::int32_t n_ranks, std::int64_t index);
  // Takes over what an earlier attempt left at `path`: `n_rows` rows in all datasets.
  void adopt(OutputFile& file, std::string path, hsize_t n_rows);
  // What the metric is called and how it is reduced from now on. Throws ConflictError if that does
  // not fit what is stored.
  void go_on_as(std::shared_ptr<const MetricInfo> info);

  // Throws InvalidValueError, and adds nothing, if a gathered part is from a rank that the run
  // does not have.
  void check(const Metric& metric) const;
  // Adds one row to the columns, to be written; returns the bytes that it takes in memory.
  std::size_t add(const Metric& metric);
  // The same for all rows of a block.
  std::size_t add(const BlockColumn& column);
  // Drops what waits.
  void clear() noexcept;

  // Makes the group at `path` (absolute) with its attributes.
  [[nodiscard]] h5::Group create_group(const OutputFile& file, std::string path);
  void create_columns(OutputFile& file, hid_t group, hsize_t chunk_rows, hobj_ref_t step_scale);
  // Writes what waits and adds it to the summary; `step` has the same rows waiting. True if
  // datasets were made anew, so that scales must list them again.
  bool write(OutputFile& file, hsize_t chunk_rows, hsize_t n_rows_written, const Column& step);
  // Ties all columns to another step dataset.
  void attach(const OutputFile& file, hobj_ref_t step_scale);
  void close_datasets() noexcept;
  void list_step_uses(std::vector<ScaleUse>& uses) const;

  [[nodiscard]] std::int64_t index() const noexcept { return index_; }
  [[nodiscard]] const MetricInfo& info() const noexcept { return *info_; }
  // Of the rows that were written.
  [[nodiscard]] const Summary& summary() const noexcept { return summary_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] bool is_text() const noexcept { return info_->kind == Kind::text; }

  Table* table = nullptr;         // the one that this series belongs to
  std::uint64_t last_record = 0;  // the number of the last record that held the metric

 private:
  void add_number(const Metric& metric);
  void add_gathered(const Metric& metric);
  void update_summary(const Column& step);
  void write_attributes(hid_t group) const;
  [[nodiscard]] std::vector<hobj_ref_t> scales_of(const OutputFile& file, const Column& column,
                                                  hobj_ref_t step_scale) const;
  bool write_gathered(OutputFile& file, hsize_t chunk_rows, hsize_t n_rows_written,
                      hobj_ref_t step_scale);
  void restore_summary(hid_t group, hsize_t n_rows);
  void write_element_scale(OutputFile& file, hid_t group);

  std::shared_ptr<const MetricInfo> info_;
  std::int32_t n_ranks_;
  std::int64_t index_;
  std::string path_;
  std::vector<Column> columns_;
  // Gathered metrics only.
  std::optional<Column> per_rank_, per_rank_count_, element_;
  hsize_t n_elements_written_ = 0;  // rows of element_
  Summary summary_;
};

}  // namespace ranklog::trackers::hdf5
