// Finds the metrics of a run file: every group below /metrics and /text that says its key.
#pragma once

#include <hdf5.h>

#include <string>
#include <vector>

#include "ranklog/run_reader.hpp"

namespace ranklog::reader {

struct FoundSeries {
  SeriesInfo info;
  std::string path;  // absolute, of the group
  std::int64_t index = 0;
};

// In the order in which the keys were first recorded. Errors: Damage, h5::CallFailed.
[[nodiscard]] std::vector<FoundSeries> find_series(hid_t file);

// The columns of one of them.
[[nodiscard]] Series read_series(hid_t file, const FoundSeries& found);

}  // namespace ranklog::reader
