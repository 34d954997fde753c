// The smallest program: every rank logs a number of its own, rank 0 writes what came together.
//   mpirun -n 4 01_hello
#include <ranklog/ranklog.hpp>

#include <cstdio>
#include <exception>

namespace {

void run() {
  // Starts MPI, because nobody has yet. "hdf5" is the file for later; "console" shows the newest
  // values, once a second.
  ranklog::Accelerator accelerator({.log_with = {"hdf5", "console"}, .project_dir = "runs"});
  accelerator.init_trackers("hello");

  for (int step = 0; step < 3; ++step) {
    const double value = 10.0 * step + accelerator.process_index();  // differs from rank to rank
    accelerator.log({{"value", value}}, step);  // mean over ranks, with min, max, std and who
  }

  accelerator.end_training();
  accelerator.print("run directory: {}", accelerator.run_directory());
}

}  // namespace

int main() {
  try {
    run();
    return 0;
  } catch (const std::exception& error) {  // what went wrong and what to do, instead of a backtrace
    std::fprintf(stderr, "01_hello: %s\n", error.what());
    return 1;
  }
}
