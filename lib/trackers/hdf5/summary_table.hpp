// The datasets of /summary: one row for each numeric metric, as of the last flush, so that nobody
// has to read the rows of a long run to say where it stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "trackers/hdf5/column.hpp"

namespace ranklog::trackers::hdf5 {

class OutputFile;
class Series;
struct Summary;

class SummaryTable {
 public:
  // The series must outlive the table, or its last write().
  void add(const Series& series) { unwritten_.push_back(&series); }
  // Brings /summary up to the rows that HDF5 was given. The datasets are made with the first metric
  // that is in the file, or now if `is_last`. O(metrics). Errors: h5::CallFailed.
  void write(const OutputFile& file, bool is_last = false);
  void close() noexcept;

 private:
  struct Row {
    const Series* series;
    std::int64_t n_rows;  // that the row in the file covers
  };

  void take_new_rows();
  void create(const OutputFile& file);
  void add_cells(const Summary& summary);

  std::vector<const Series*> unwritten_;
  std::vector<Row> rows_;
  std::size_t n_keys_written_ = 0;
  Column key_{"key", Cell::text};
  // In the order in which add_cells() fills them.
  std::vector<Column> columns_;
};

}  // namespace ranklog::trackers::hdf5
