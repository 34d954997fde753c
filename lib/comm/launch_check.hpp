// Notices "N singletons": a launcher started N processes, but each of them sees an MPI world of
// one, believes to be rank 0 of 1, and would write the same run.
#pragma once

#include <functional>

namespace ranklog::comm {

// Compares the size of MPI_COMM_WORLD with what the launcher left in the environment. Does nothing
// when RANKLOG_ALLOW_SINGLETONS is 1. Local: each process finds out for itself.
// Errors: LaunchMismatchError naming the variable, the likely cause and the way out.
void check_launch(int mpi_world_size, int mpi_world_rank,
                  const std::function<const char*(const char* name)>& environment);

}  // namespace ranklog::comm
