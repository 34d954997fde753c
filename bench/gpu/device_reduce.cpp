// reduce() of 1 GiB of device floats through pinned memory, against the copies alone and against
// MPI_Allreduce of as much host memory. Prints JSON on rank 0; exits 77 where there is no GPU.
#include <cuda_runtime_api.h>
#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <ranklog/ranklog.hpp>
#include <vector>

#include "gpu/cuda.hpp"

namespace {

using namespace ranklog::bench;

constexpr std::size_t n_elements = std::size_t{1} << 28U;
constexpr std::size_t n_bytes = n_elements * sizeof(float);
constexpr int n_repetitions = 3;

// The shortest of several runs of the slowest rank, in seconds.
template <class Work>
double shortest_s(Work work) {
  double shortest = 1e30;
  for (int i = 0; i < n_repetitions; ++i) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double start = MPI_Wtime();
    work();
    double elapsed = MPI_Wtime() - start;
    MPI_Allreduce(MPI_IN_PLACE, &elapsed, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    shortest = std::min(shortest, elapsed);
  }
  return shortest;
}

nlohmann::ordered_json measure(ranklog::Accelerator& accelerator) {
  accelerator.select_device();
  float* there = nullptr;
  float* here = nullptr;
  check(cudaMalloc(reinterpret_cast<void**>(&there), n_bytes));
  check(cudaHostAlloc(reinterpret_cast<void**>(&here), n_bytes, cudaHostAllocDefault));
  const double copies_s = shortest_s([&] {
    check(cudaMemcpy(here, there, n_bytes, cudaMemcpyDeviceToHost));
    check(cudaMemcpy(there, here, n_bytes, cudaMemcpyHostToDevice));
  });
  std::fill_n(here, n_elements, 1.0F);
  const double mpi_s = shortest_s([&] {
    MPI_Allreduce(MPI_IN_PLACE, here, static_cast<int>(n_elements), MPI_FLOAT, MPI_MAX,
                  MPI_COMM_WORLD);
  });
  check(cudaMemcpy(there, here, n_bytes, cudaMemcpyHostToDevice));
  const double reduce_s = shortest_s([&] {
    accelerator.reduce(ranklog::device(there, n_elements), ranklog::device(there, n_elements),
                       ranklog::Reduction::mean);
  });
  check(cudaMemcpy(here, there, n_bytes, cudaMemcpyDeviceToHost));
  const bool is_correct = std::all_of(here, here + n_elements, [](float x) { return x == 1; });
  check(cudaFreeHost(here));
  check(cudaFree(there));
  return {{"copies_s", copies_s},
          {"mpi_allreduce_s", mpi_s},
          {"reduce_s", reduce_s},
          {"reduce / slower of the two", reduce_s / std::max(copies_s, mpi_s)},
          {"is_correct", is_correct}};
}

}  // namespace

int main() {
  if (!has_gpu()) return no_gpu_status;
  ranklog::Accelerator accelerator;
  nlohmann::ordered_json report{{"program", "device_reduce"},
                                {"n_ranks", accelerator.num_processes()}};
  report.update(measure(accelerator));
  if (accelerator.is_main_process()) std::puts(report.dump(2).c_str());
  return report["is_correct"] ? 0 : 1;
}
