// For programs that hold an MPI_Comm. The only public header that needs mpi.h.
#pragma once

#include <mpi.h>

#include "ranklog/communicator.hpp"

namespace ranklog {

// A Communicator over a duplicate of `mpi_comm`. MPI must be initialised, at any thread level.
// Collective on: mpi_comm. Errors: CommunicationError; UsageError for MPI_COMM_NULL.
[[nodiscard]] Communicator communicator_from(MPI_Comm mpi_comm);

}  // namespace ranklog
