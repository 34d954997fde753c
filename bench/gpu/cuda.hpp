// What the benchmarks that need a GPU share.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdio>
#include <stdexcept>

namespace ranklog::bench {

// The exit status that says "skipped", and that scripts/gpu-check understands.
constexpr int no_gpu_status = 77;

inline void check(cudaError_t code) {
  if (code == cudaSuccess) return;
  throw std::runtime_error(cudaGetErrorString(code));
}

// False where there is no GPU, after saying so in JSON.
inline bool has_gpu() {
  int n_devices = 0;
  if (cudaGetDeviceCount(&n_devices) == cudaSuccess && n_devices > 0) return true;
  std::puts("{\"skipped\": \"there is no GPU\"}");
  return false;
}

}  // namespace ranklog::bench
