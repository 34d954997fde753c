// The one kernel: statistics of several tensors in one pass.
#pragma once

#include <cuda_runtime_api.h>

#include "device/driver.hpp"

namespace ranklog::gpu {

struct KernelJob {
  const void* data;
  std::int64_t n;
  std::int32_t first_block;
  std::int32_t n_blocks;
  DeviceElement element;
};

struct KernelBatch {
  KernelJob jobs[max_tensors_per_launch];
  std::int32_t n_jobs;
  std::int32_t n_blocks;  // of all jobs
};

// Brings the kernel to the current device. By default CUDA does so at the first launch, and may
// wait for the device then.
[[nodiscard]] cudaError_t load_statistics();

// `partials` holds n_blocks entries and `n_finished` max_tensors_per_launch zeros, both on the
// device; the kernel leaves the zeros as zeros. `results` is pinned memory as the device sees it.
[[nodiscard]] cudaError_t launch_statistics(const KernelBatch& batch, TensorStatistics* partials,
                                            unsigned* n_finished, TensorStatistics* results,
                                            cudaStream_t stream);

}  // namespace ranklog::gpu
