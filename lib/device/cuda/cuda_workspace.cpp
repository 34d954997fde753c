#include "device/cuda/cuda_workspace.hpp"

#include "device/cuda/runtime.hpp"
#include "ranklog/error.hpp"

namespace ranklog::gpu {

CudaWorkspace::CudaWorkspace(int device, int n_blocks) : device_(device) {
  const CurrentDevice current(device);
  try {
    allocate(n_blocks);
  } catch (...) {
    free_all();
    throw;
  }
}

void CudaWorkspace::allocate(int n_blocks) {
  check_cuda(load_statistics(), "loading the kernel of tensor statistics");
  check_cuda(cudaMalloc(reinterpret_cast<void**>(&partials_),
                        static_cast<std::size_t>(n_blocks) * sizeof *partials_),
             "cudaMalloc of scratch memory for tensor statistics");
  constexpr std::size_t n_bytes = max_tensors_per_launch * sizeof *n_finished_;
  check_cuda(cudaMalloc(reinterpret_cast<void**>(&n_finished_), n_bytes),
             "cudaMalloc of block counters");
  check_cuda(
      cudaHostAlloc(reinterpret_cast<void**>(&results_), max_tensors_per_launch * sizeof *results_,
                    cudaHostAllocMapped | cudaHostAllocPortable),
      "cudaHostAlloc of pinned memory for tensor statistics");
  check_cuda(cudaHostGetDevicePointer(reinterpret_cast<void**>(&results_there_), results_, 0),
             "cudaHostGetDevicePointer");
  check_cuda(cudaEventCreateWithFlags(&done_, cudaEventDisableTiming), "cudaEventCreate");
  // On a stream of its own: the default one waits for the program's, and they for it.
  const OwnStream own;
  check_cuda(cudaMemsetAsync(n_finished_, 0, n_bytes, own.stream), "clearing block counters");
  check_cuda(cudaStreamSynchronize(own.stream), "clearing block counters");
}

CudaWorkspace::~CudaWorkspace() {
  // The device may still be writing.
  if (done_ != nullptr) (void)cudaEventSynchronize(done_);
  free_all();
}

void CudaWorkspace::free_all() noexcept {
  // Errors are of no use here: the device may be lost, or the runtime may be shutting down.
  if (done_ != nullptr) (void)cudaEventDestroy(done_);
  if (results_ != nullptr) (void)cudaFreeHost(results_);
  if (n_finished_ != nullptr) (void)cudaFree(n_finished_);
  if (partials_ != nullptr) (void)cudaFree(partials_);
}

void CudaWorkspace::launch(std::span<const DeviceSpan> tensors, DeviceStream stream) {
  const CurrentDevice current(device_);
  KernelBatch batch{};
  for (const auto& tensor : tensors) {
    const int n_blocks = blocks_for(static_cast<std::int64_t>(tensor.n));
    batch.jobs[batch.n_jobs++] = {tensor.data, static_cast<std::int64_t>(tensor.n), batch.n_blocks,
                                  n_blocks, tensor.element};
    batch.n_blocks += n_blocks;
  }
  n_tensors_ = tensors.size();
  check_cuda(launch_statistics(batch, partials_, n_finished_, results_there_, stream),
             "launching the statistics of device tensors");
  check_cuda(cudaEventRecord(done_, stream), "cudaEventRecord after the statistics of tensors");
}

bool CudaWorkspace::is_done() {
  const BesideCapture beside_capture;
  // cudaErrorNotReady is remembered as the last error: it is taken out again, unless the host
  // program had left one of its own, which stays.
  const bool had_error = cudaPeekAtLastError() != cudaSuccess;
  const cudaError_t state = cudaEventQuery(done_);
  if (state == cudaErrorNotReady) {
    if (!had_error) (void)cudaGetLastError();
    return false;
  }
  check_cuda(state, "the device's work before or in the statistics of tensors");
  return true;
}

void CudaWorkspace::wait() {
  const BesideCapture beside_capture;
  check_cuda(cudaEventSynchronize(done_),
             "the device's work before or in the statistics of tensors");
}

}  // namespace ranklog::gpu
