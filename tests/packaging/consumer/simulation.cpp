// An MPI program that logs: 2 ranks, of which the second has the greater loss.
#include <cstdio>
#include <memory>
#include <ranklog/mpi.hpp>
#include <ranklog/ranklog.hpp>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  MPI_Init(&argc, &argv);
  double mean = 0;
  {
    auto memory = std::make_shared<ranklog::MemoryTracker>();
    ranklog::Accelerator accelerator({.log_with = {"hdf5", memory},
                                      .project_dir = argv[1],
                                      .communicator = ranklog::communicator_from(MPI_COMM_WORLD)});
    accelerator.init_trackers("packaging", {{"answer", 42}}, {.run_name = "consumer"});
    accelerator.log({{"loss", accelerator.process_index() + 1.0}}, 0);
    accelerator.end_training();
    if (accelerator.is_main_process()) mean = memory->records().at(0).metrics.at(0).value;
  }
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Finalize();
  if (rank != 0) return 0;
  std::printf("mean loss %g with ranklog %.*s\n", mean, static_cast<int>(ranklog::version.size()),
              ranklog::version.data());
  return mean == 1.5 ? 0 : 1;
}
