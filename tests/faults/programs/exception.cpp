// One rank leaves by an exception in the middle: faults_exception RANK. Prints what rank 0's
// tracker received and how the run ended.
#include <fmt/format.h>
#include <mpi.h>
#include <ranklog/memory_tracker.hpp>
#include <ranklog/ranklog.hpp>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  MPI_Init(&argc, &argv);
  const auto memory = std::make_shared<ranklog::MemoryTracker>();
  int rank = 0;
  int n_ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  try {
    ranklog::Accelerator accelerator({.log_with = memory});
    accelerator.init_trackers("faults");
    for (int step = 0; step < 40; ++step) {
      if (rank == std::atoi(argv[1]) && step == 10) throw std::runtime_error("diverged");
      accelerator.log({{"loss", 1.0}}, step);
    }
    accelerator.end_training();
  } catch (const std::runtime_error& error) {
    fmt::print("rank {} left: {}\n", rank, error.what());
  }
  if (rank == 0) {
    const auto rows = memory->series("loss");
    const auto n_full = std::count_if(rows.begin(), rows.end(), [n_ranks](const auto& row) {
      return row.statistics.count == n_ranks;
    });
    fmt::print("rows={} with all={} status={} reason={}\n", rows.size(), n_full,
               to_string(memory->outcome()->status), memory->outcome()->reason);
  }
  MPI_Finalize();
}
