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

// Whether columns of different lengths are damage, or what a writer leaves that was interrupted:
// then only the rows count that all columns have.
enum class Lengths : std::uint8_t { must_agree, may_differ };

// Those below `root`/metrics and `root`/text, in the order in which the keys were first recorded.
// With `unfit`, groups that cannot be understood are named there and left out.
// Errors of both: Damage, h5::CallFailed.
[[nodiscard]] std::vector<FoundSeries> find_series(hid_t file, const std::string& root = {},
                                                   std::vector<Defect>* unfit = nullptr);

[[nodiscard]] Series read_series(hid_t file, const FoundSeries& found, const ReadOptions& options,
                                 Lengths lengths);

}  // namespace ranklog::reader
