// Counts what this process hands to MPI, through MPI's profiling interface: linking mpi_counts.cpp
// puts a counting function in front of each call that sends.
#pragma once

#include <cstdint>

namespace ranklog::bench {

struct MpiCounts {
  std::int64_t n_messages = 0;  // point-to-point sends
  std::int64_t n_message_bytes = 0;
  std::int64_t n_collectives = 0;  // calls of collectives that reduce, gather or broadcast
  std::int64_t n_collective_bytes = 0;
};

[[nodiscard]] const MpiCounts& mpi_counts() noexcept;

}  // namespace ranklog::bench
