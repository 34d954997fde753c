// The host initialises MPI itself: faults_thread_level LEVEL, with LEVEL 0 (single) to 3
// (multiple). Prints the rows that rank 0's tracker received and what the host finds afterwards.
#include <fmt/format.h>
#include <mpi.h>
#include <ranklog/memory_tracker.hpp>
#include <ranklog/ranklog.hpp>

#include <cstdlib>
#include <memory>

int main(int argc, char** argv) {
  constexpr int levels[] = {MPI_THREAD_SINGLE, MPI_THREAD_FUNNELED, MPI_THREAD_SERIALIZED,
                            MPI_THREAD_MULTIPLE};
  const int wanted = argc == 2 ? std::atoi(argv[1]) : -1;
  if (wanted < 0 || wanted > 3) return 2;
  int provided = 0;
  MPI_Init_thread(&argc, &argv, levels[wanted], &provided);
  const auto memory = std::make_shared<ranklog::MemoryTracker>();
  int rank = 0;
  {
    ranklog::Accelerator accelerator({.log_with = memory});
    accelerator.init_trackers("manners");
    rank = accelerator.process_index();
    for (int step = 0; step < 50; ++step) accelerator.log({{"a", ranklog::sum(1)}}, step);
    accelerator.end_training();
  }
  int is_finalized = 0;
  MPI_Finalized(&is_finalized);
  if (rank == 0) {
    const auto rows = memory->series("a");
    fmt::print("rows={} sum={} finalized={}\n", rows.size(), rows.back().integer_value,
               is_finalized);
  }
  return MPI_Finalize();
}
