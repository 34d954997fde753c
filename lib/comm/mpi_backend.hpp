// The MPI implementation of Backend.
#pragma once

#include <mpi.h>

#include <memory>

#include "comm/backend.hpp"

namespace ranklog::comm {

// Collective on `mpi_comm`, which is duplicated.
[[nodiscard]] std::unique_ptr<Backend> make_mpi_backend(MPI_Comm mpi_comm);

}  // namespace ranklog::comm
