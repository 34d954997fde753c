// Training on a GPU, logged without a stall: the loss stays on the device, and log() neither waits
// for the stream nor copies. Several ranks may share a GPU. Says what is missing where there is
// none.
//   mpirun -n 2 06_cuda
#include <cstdio>
#include <exception>
#include <ranklog/ranklog.hpp>

#include "line_fit/line_fit.hpp"

namespace {

constexpr int n_steps = 200;

int train() {
  ranklog::Accelerator accelerator({.log_with = {"hdf5"}, .project_dir = "runs"});
  accelerator.select_device();  // the ranks of a node take its GPUs in turn
  accelerator.init_trackers("cuda", ranklog::Config{{"n_steps", n_steps}});

  // Fits y = 3 x + 1 by gradient descent; every rank has samples of its own.
  LineFit fit(accelerator.process_index());
  for (int step = 0; step < n_steps; ++step) {
    fit.step();  // queues kernels on fit.stream() and returns
    accelerator.log({{"train/loss", ranklog::device(fit.losses(), fit.n_samples(), fit.stream())},
                     {"train/slope", ranklog::device(fit.slope(), 1, fit.stream())}},
                    step);
  }
  accelerator.end_training();  // waits for the device, and for the other ranks
  accelerator.print("run directory: {}", accelerator.run_directory());
  return 0;
}

}  // namespace

int main() {
  if (const char* missing = LineFit::what_is_missing()) {
    std::printf("06_cuda: %s\n", missing);
    return 1;
  }
  try {
    return train();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "06_cuda: %s\n", error.what());
    return 1;
  }
}
