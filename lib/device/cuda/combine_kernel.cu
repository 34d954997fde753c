#include "device/cuda/combine_kernel.hpp"

namespace ranklog::gpu {
namespace {

constexpr int threads = 256;
constexpr std::int64_t most_blocks = 4096;

// Neighbouring threads read neighbouring elements of each part.
template <class T>
__global__ void __launch_bounds__(threads)
    combine_kernel(const T* parts, T* result, const Combination how) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * threads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
       i < how.n_each; i += stride) {
    combine_element(parts, result, i, how);
  }
}

}  // namespace

cudaError_t launch_combine(const void* parts, void* result, const Combination& how,
                           cudaStream_t stream) {
  if (how.n_each <= 0) return cudaSuccess;
  const std::int64_t wanted = (how.n_each + threads - 1) / threads;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(wanted < most_blocks ? wanted : most_blocks));
  config.blockDim = dim3(threads);
  config.stream = stream;
  cudaError_t code = cudaSuccess;
  with_element(how.element, [&]<class T>(T*) {
    code = cudaLaunchKernelEx(&config, combine_kernel<T>, static_cast<const T*>(parts),
                              static_cast<T*>(result), how);
  });
  return code;
}

}  // namespace ranklog::gpu
