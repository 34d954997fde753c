// Who runs a benchmark.
#pragma once

#include <mpi.h>

namespace ranklog::bench {

struct World {
  int rank = 0;
  int n_ranks = 0;
  World() {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  }
};

}  // namespace ranklog::bench
