// Reads /summary: what the writer knew of each metric at the end of the run.
#pragma once

#include <vector>

#include "ranklog/run_reader.hpp"
#include "reader/open_run.hpp"

namespace ranklog::reader {

// Empty if there is none. Errors: Damage, h5::CallFailed.
[[nodiscard]] std::vector<SummaryInfo> read_summary(const OpenRun& run);

}  // namespace ranklog::reader
