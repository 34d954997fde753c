// Copies rows between datasets of any cell type, block by block.
#pragma once

#include <hdf5.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hdf5/handle.hpp"
#include "trackers/hdf5/dimension_scales.hpp"
#include "trackers/hdf5/stored_metrics.hpp"

namespace ranklog::trackers::hdf5 {

// Errors of all here: h5::CallFailed.
[[nodiscard]] std::vector<hsize_t> extents_of(hid_t dataset);
[[nodiscard]] hsize_t chunk_rows_of(hid_t file, const std::string& dataset);
void set_row_count(hid_t dataset, hsize_t n_rows);
// Reads whole rows as cells of `memory_type`.
void read_rows(hid_t dataset, hsize_t first, hsize_t n, hid_t memory_type, void* cells);
// Copies rows [first, first + n) of `from` to `to` from row `at` on. The target has those rows, and
// trailing extents at least as large; may be the same dataset if `at` <= `first`.
void copy_rows(hid_t from, hsize_t first, hsize_t n, hid_t to, hsize_t at);
// A dataset of the same type, chunks and fill value with these extents.
[[nodiscard]] h5::Dataset create_like(hid_t original, hid_t group, const char* name,
                                      const std::vector<hsize_t>& extents);
// Attaches a dataset to the scales in its group: step, rank and element, for as many dimensions as
// it has.
void tie_to_scales(hid_t group, const char* dataset);
// All attributes but those of dimension scales.
void copy_attributes(hid_t from, hid_t to);

// A dataset that gets some rows of another.
struct RowTarget {
  h5::Dataset from;
  h5::Dataset to;
  void copy(hsize_t first, hsize_t n, hsize_t at) const {
    copy_rows(from.get(), first, n, to.get(), at);
  }
};

// The datasets of a metric's copy in another group, tied to scales of their own.
class CopiedColumns {
 public:
  CopiedColumns(hid_t file, const StoredMetric& metric, hid_t group);
  // An empty copy of the column with room for `n_rows`.
  [[nodiscard]] RowTarget create(const std::string& name, hsize_t n_rows);
  // After all were created.
  void attach_scales();

 private:
  struct Made {
    std::string name;
    hobj_ref_t reference = 0;
  };
  [[nodiscard]] bool has(const char* name) const;

  hid_t file_;
  const StoredMetric& metric_;
  hid_t group_;
  std::vector<Made> made_;
};

}  // namespace ranklog::trackers::hdf5
