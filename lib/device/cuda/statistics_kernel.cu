#include "device/cuda/statistics_kernel.hpp"

namespace ranklog::gpu {
namespace {

// Merges the block's threads by a fixed tree; thread 0 holds the result.
__device__ void merge_block(TensorStatistics* shared) {
  for (int half = threads_per_block / 2; half > 0; half /= 2) {
    __syncthreads();
    const int thread = static_cast<int>(threadIdx.x);
    if (thread < half) merge(shared[thread], shared[thread + half]);
  }
}

template <class T>
__device__ void scan_as(TensorStatistics& mine, const KernelJob& job, int block) {
  const std::int64_t thread = static_cast<std::int64_t>(block) * threads_per_block + threadIdx.x;
  scan(mine, static_cast<const T*>(job.data), job.n, thread,
       static_cast<std::int64_t>(job.n_blocks) * threads_per_block);
}

__device__ void scan_job(TensorStatistics& mine, const KernelJob& job, int block) {
  switch (job.element) {
    case DeviceElement::f64:
      return scan_as<double>(mine, job, block);
    case DeviceElement::f32:
      return scan_as<float>(mine, job, block);
    case DeviceElement::f16:
      return scan_as<Half>(mine, job, block);
    case DeviceElement::bf16:
      return scan_as<Bfloat16>(mine, job, block);
    case DeviceElement::i64:
      return scan_as<std::int64_t>(mine, job, block);
    case DeviceElement::i32:
      return scan_as<std::int32_t>(mine, job, block);
    case DeviceElement::u8:
      return scan_as<std::uint8_t>(mine, job, block);
  }
}

// Each job has its own blocks. The block of a job that finishes last merges what all of them left,
// in the order of the blocks, so that the bits do not depend on which block that is.
// Three blocks on a multiprocessor keep enough reads in flight for its share of the bandwidth.
__global__ void __launch_bounds__(threads_per_block, 3)
    statistics_kernel(const __grid_constant__ KernelBatch batch, TensorStatistics* partials,
                      unsigned* n_finished, TensorStatistics* results) {
  __shared__ TensorStatistics shared[threads_per_block];
  __shared__ bool is_last;
  const int grid_block = static_cast<int>(blockIdx.x);
  int which = 0;
  while (which + 1 < batch.n_jobs && grid_block >= batch.jobs[which + 1].first_block) ++which;
  const KernelJob& job = batch.jobs[which];

  TensorStatistics mine = no_elements();
  scan_job(mine, job, grid_block - job.first_block);
  shared[threadIdx.x] = mine;
  merge_block(shared);

  if (threadIdx.x == 0) {
    partials[grid_block] = shared[0];
    __threadfence();
    is_last = atomicAdd(&n_finished[which], 1U) == static_cast<unsigned>(job.n_blocks) - 1U;
    // Ordered before what the whole block reads behind the barrier.
    __threadfence();
  }
  __syncthreads();
  if (!is_last) return;

  mine = no_elements();
  const auto first = static_cast<int>(threadIdx.x);
  for (int block = first; block < job.n_blocks; block += threads_per_block) {
    merge(mine, partials[job.first_block + block]);
  }
  __syncthreads();
  shared[threadIdx.x] = mine;
  merge_block(shared);
  if (threadIdx.x == 0) {
    results[which] = shared[0];
    n_finished[which] = 0;
    __threadfence_system();
  }
}

}  // namespace

cudaError_t load_statistics() {
  cudaFuncAttributes attributes{};
  return cudaFuncGetAttributes(&attributes, statistics_kernel);
}

cudaError_t launch_statistics(const KernelBatch& batch, TensorStatistics* partials,
                              unsigned* n_finished, TensorStatistics* results,
                              cudaStream_t stream) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(batch.n_blocks));
  config.blockDim = dim3(threads_per_block);
  config.stream = stream;
  return cudaLaunchKernelEx(&config, statistics_kernel, batch, partials, n_finished, results);
}

}  // namespace ranklog::gpu
