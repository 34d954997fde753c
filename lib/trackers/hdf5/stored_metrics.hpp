// Finds what an earlier attempt left in a run file that is to be continued.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ranklog::trackers::hdf5 {

struct StoredMetric {
  std::string key;
  std::string path;        // absolute, of the group
  std::int64_t index = 0;  // in the order of recording
  hobj_ref_t step = 0;     // tells tables apart
  hsize_t n_rows = 0;      // of the shortest column
  bool is_even = true;     // all columns have that many rows
  bool is_text = false;
  std::vector<std::string> columns;  // datasets with one row for each recorded row
};

// All metrics, in the order in which their keys were first recorded. Errors of all here:
// h5::CallFailed.
[[nodiscard]] std::vector<StoredMetric> find_metrics(hid_t file);

// The numbers of the groups in /run, ascending.
[[nodiscard]] std::vector<std::int32_t> attempt_numbers(hid_t file);

// Nothing if there is no such attribute.
[[nodiscard]] std::optional<std::int64_t> read_integer(hid_t file, const std::string& object,
                                                       const char* name);
[[nodiscard]] std::optional<std::string> read_text(hid_t file, const std::string& object,
                                                   const char* name);

}  // namespace ranklog::trackers::hdf5
