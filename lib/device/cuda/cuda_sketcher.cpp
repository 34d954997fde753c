#include "device/cuda/cuda_sketcher.hpp"

#include "core/sketch_buckets.hpp"
#include "device/cuda/runtime.hpp"
#include "device/cuda/sketch_kernel.hpp"

namespace ranklog::gpu {
namespace {

constexpr std::size_t n_bytes = sketch::n_buckets * sizeof(std::uint64_t);

}  // namespace

CudaSketcher::CudaSketcher(int device) : device_(device) {
  const CurrentDevice current(device);
  try {
    check_cuda(cudaMalloc(reinterpret_cast<void**>(&counts_), n_bytes),
               "cudaMalloc of buckets for a distribution");
    check_cuda(cudaHostAlloc(reinterpret_cast<void**>(&results_), n_bytes, cudaHostAllocPortable),
               "cudaHostAlloc of pinned memory for a distribution");
    check_cuda(cudaEventCreateWithFlags(&done_, cudaEventDisableTiming), "cudaEventCreate");
  } catch (...) {
    free_all();
    throw;
  }
}

CudaSketcher::~CudaSketcher() {
  // The device may still be writing.
  if (done_ != nullptr) (void)cudaEventSynchronize(done_);
  free_all();
}

void CudaSketcher::free_all() noexcept {
  if (done_ != nullptr) (void)cudaEventDestroy(done_);
  if (results_ != nullptr) (void)cudaFreeHost(results_);
  if (counts_ != nullptr) (void)cudaFree(counts_);
}

void CudaSketcher::launch(const DeviceSpan& tensor) {
  const CurrentDevice current(device_);
  check_cuda(cudaMemsetAsync(counts_, 0, n_bytes, tensor.stream), "clearing the buckets");
  check_cuda(launch_sketch(tensor, counts_), "launching the distribution of a device tensor");
  check_cuda(cudaMemcpyAsync(results_, counts_, n_bytes, cudaMemcpyDeviceToHost, tensor.stream),
             "copying the buckets to the host");
  check_cuda(cudaEventRecord(done_, tensor.stream), "cudaEventRecord after a distribution");
}

void CudaSketcher::wait() {
  const BesideCapture beside_capture;
  check_cuda(cudaEventSynchronize(done_), "the device's work before or in a distribution");
}

std::span<const std::uint64_t> CudaSketcher::counts() const {
  return {results_, static_cast<std::size_t>(sketch::n_buckets)};
}

}  // namespace ranklog::gpu
