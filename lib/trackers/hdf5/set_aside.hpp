// Takes the rows that a resumed run does not continue out of its metrics, and keeps them under the
// attempts that recorded them. Described in docs/format.md, "Attempts".
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <vector>

namespace ranklog::trackers::hdf5 {

struct AttemptStart {
  std::int32_t attempt = 0;
  std::int64_t from_step = 0;
};

// The attempts in the file, in order. Errors of all here: h5::CallFailed.
[[nodiscard]] std::vector<AttemptStart> find_attempts(hid_t file);

// Moves all rows at steps >= `from_step` to /run/<attempt>/abandoned/<by>, where <attempt> recorded
// them and `by` is about to replace them; cuts all columns of a metric to the shortest. The
// datasets of a metric keep their identity. Complexity: reads the steps of all metrics, and copies
// what it moves.
void set_rows_aside(hid_t file, const std::vector<AttemptStart>& attempts, AttemptStart by);

}  // namespace ranklog::trackers::hdf5
