// The state of the tracker as an earlier attempt left it, from the run file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "trackers/hdf5/output_file.hpp"
#include "trackers/hdf5/series.hpp"
#include "trackers/hdf5/table.hpp"

namespace ranklog::trackers::hdf5 {

struct ResumedRun {
  std::map<std::string, std::unique_ptr<Series>> series;  // by key, until the key is logged again
  std::vector<std::unique_ptr<Table>> tables;
  std::int64_t next_index = 0;  // of a metric that is new
};

// Takes over all metrics of the file, which have columns of one length each (set_rows_aside).
// Errors: h5::CallFailed.
[[nodiscard]] ResumedRun take_over(OutputFile& file, Placement& placement);

// The step behind the last recorded one; 0 if there is none. Errors: h5::CallFailed.
[[nodiscard]] std::int64_t next_step_of(const std::filesystem::path& run_file);

}  // namespace ranklog::trackers::hdf5
