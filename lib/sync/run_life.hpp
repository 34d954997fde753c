// Whether a job still records to a run.
#pragma once

#include <string_view>

#include "ranklog/run_reader.hpp"

namespace ranklog::sync {

enum class Life : std::uint8_t {
  ended,   // the run says how
  going,   // a job holds its lock, or changed the file during the last minute
  broken,  // it says that it goes on, but no job does: killed
};

// Asks the system for the lock that a job holds on run.lock, and takes none.
[[nodiscard]] Life life_of(const RunReader& run, std::string_view status);

}  // namespace ranklog::sync
