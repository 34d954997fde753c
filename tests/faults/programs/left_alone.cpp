// The host must be able to go on after our errors and without us: prints what MPI says at the end.
// faults_left_alone: an Accelerator made after MPI_Finalize is refused with a reason.
#include <fmt/format.h>
#include <mpi.h>
#include <ranklog/ranklog.hpp>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  try {
    ranklog::Accelerator accelerator({.log_with = "no such tracker"});
  } catch (const ranklog::UnknownTrackerError&) {
    if (rank == 0) fmt::print("refused\n");
  }
  int sum = 0;
  MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  if (rank == 0) fmt::print("host sum={}\n", sum);
  MPI_Finalize();
  try {
    ranklog::Accelerator accelerator({.log_with = "memory"});
  } catch (const ranklog::UsageError& error) {
    if (rank == 0) fmt::print("{}\n", error.what());
  }
}
