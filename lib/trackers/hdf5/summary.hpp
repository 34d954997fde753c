// Writes /summary: one row for each numeric metric.
#pragma once

#include <vector>

#include "trackers/hdf5/series.hpp"

namespace ranklog::trackers::hdf5 {

// Errors: h5::CallFailed.
void write_summary(const OutputFile& file, const std::vector<const Series*>& series);

}  // namespace ranklog::trackers::hdf5
