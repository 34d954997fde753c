// Counts what the library does under a test: allocations of this thread, and MPI calls through the
// profiling interface, by which this program defines the MPI functions that it wants to see.
#pragma once

#include <cstdint>

namespace ranklog::mpi_test {

struct CallCounts {
  std::int64_t allocations = 0;
  std::int64_t sends = 0;  // messages that were started
  std::int64_t bytes_sent = 0;
  std::int64_t receives = 0;  // matched receives that were started
  std::int64_t probes = 0;
  std::int64_t tests = 0;
  std::int64_t waiting = 0;  // calls that may wait for another rank, collectives included
};

[[nodiscard]] CallCounts calls_so_far() noexcept;
[[nodiscard]] CallCounts operator-(const CallCounts& a, const CallCounts& b) noexcept;

}  // namespace ranklog::mpi_test
