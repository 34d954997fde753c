#include "core/sketch_buckets.hpp"
#include "device/cuda/sketch_kernel.hpp"
#include "device/tensor_combine.hpp"

namespace ranklog::gpu {
namespace {

constexpr int threads = 256;
constexpr std::int64_t elements_per_thread = 32;
constexpr std::int64_t most_blocks = 1024;

// Each block counts in shared memory and adds that to the buckets of all. A block sees less than
// 2^32 elements of any tensor below 2^42, so its 32 bits are enough. Sums of integers do not
// depend on the order.
template <class T>
__global__ void __launch_bounds__(threads)
    sketch_kernel(const T* data, std::int64_t n, unsigned long long* counts) {
  __shared__ unsigned mine[sketch::n_buckets];
  for (int i = static_cast<int>(threadIdx.x); i < sketch::n_buckets; i += threads) mine[i] = 0;
  __syncthreads();
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * threads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x; i < n;
       i += stride) {
    const double x = widen(data[i]);
    if (is_finite(x)) atomicAdd(&mine[sketch::bucket_of(x)], 1U);
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < sketch::n_buckets; i += threads) {
    if (mine[i] != 0) atomicAdd(&counts[i], static_cast<unsigned long long>(mine[i]));
  }
}

}  // namespace

cudaError_t launch_sketch(const DeviceSpan& tensor, unsigned long long* counts) {
  const auto n = static_cast<std::int64_t>(tensor.n);
  if (n == 0) return cudaSuccess;
  constexpr std::int64_t per_block = threads * elements_per_thread;
  const std::int64_t wanted = (n + per_block - 1) / per_block;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(wanted < most_blocks ? wanted : most_blocks));
  config.blockDim = dim3(threads);
  config.stream = tensor.stream;
  cudaError_t code = cudaSuccess;
  with_element(tensor.element, [&]<class T>(T*) {
    code = cudaLaunchKernelEx(&config, sketch_kernel<T>, static_cast<const T*>(tensor.data), n,
                              counts);
  });
  return code;
}

}  // namespace ranklog::gpu
