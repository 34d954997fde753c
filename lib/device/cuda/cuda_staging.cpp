#include "device/cuda/cuda_staging.hpp"

#include "device/cuda/combine_kernel.hpp"
#include "device/cuda/runtime.hpp"

namespace ranklog::gpu {

CudaStaging::CudaStaging(int device, std::size_t n_bytes, StagingMemory memory)
    : device_(device), memory_(memory) {
  const CurrentDevice current(device);
  try {
    allocate(n_bytes);
  } catch (...) {
    free_all();
    throw;
  }
}

CudaStaging::~CudaStaging() { free_all(); }

void CudaStaging::allocate(std::size_t n_bytes) {
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
  check_cuda(cudaEventCreateWithFlags(&before_, cudaEventDisableTiming), "cudaEventCreate");
  for (auto& event : copied_) {
    check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate");
  }
  for (auto& buffer : buffers_) {
    auto** const place = reinterpret_cast<void**>(&buffer);
    if (memory_ == StagingMemory::pinned) {
      check_cuda(cudaHostAlloc(place, n_bytes, cudaHostAllocPortable),
                 "cudaHostAlloc of a pinned staging buffer");
    } else {
      check_cuda(cudaMalloc(place, n_bytes), "cudaMalloc of a staging buffer");
    }
  }
}

// Errors are of no use here: the device may be lost, or the runtime may be shutting down.
void CudaStaging::free_all() noexcept {
  if (stream_ != nullptr) (void)cudaStreamSynchronize(stream_);
  for (auto* const buffer : buffers_) {
    if (buffer == nullptr) continue;
    (void)(memory_ == StagingMemory::pinned ? cudaFreeHost(buffer) : cudaFree(buffer));
  }
  for (auto* const event : copied_) {
    if (event != nullptr) (void)cudaEventDestroy(event);
  }
  if (before_ != nullptr) (void)cudaEventDestroy(before_);
  if (stream_ != nullptr) (void)cudaStreamDestroy(stream_);
}

void CudaStaging::begin(DeviceStream stream) {
  const CurrentDevice current(device_);
  check_cuda(cudaEventRecord(before_, stream), "cudaEventRecord on the tensor's stream");
  check_cuda(cudaStreamWaitEvent(stream_, before_, 0), "cudaStreamWaitEvent");
}

void CudaStaging::copy(int side, void* to, const void* from, std::size_t n_bytes) {
  const CurrentDevice current(device_);
  check_cuda(cudaMemcpyAsync(to, from, n_bytes, cudaMemcpyDefault, stream_),
             "copying a part of a device tensor");
  check_cuda(cudaEventRecord(copied_[side], stream_), "cudaEventRecord");
}

void CudaStaging::start_load(int side, std::size_t offset, const void* device_data,
                             std::size_t n_bytes) {
  copy(side, buffers_[side] + offset, device_data, n_bytes);
}

void CudaStaging::start_store(int side, std::size_t offset, void* device_data,
                              std::size_t n_bytes) {
  copy(side, device_data, buffers_[side] + offset, n_bytes);
}

void CudaStaging::combine(int side, std::size_t offset, const Combination& how) {
  const CurrentDevice current(device_);
  check_cuda(launch_combine(buffers_[received], buffers_[side] + offset, how, stream_),
             "launching the combination of device tensors");
}

void CudaStaging::wait(int side) {
  check_cuda(cudaEventSynchronize(copied_[side]), "copying a device tensor");
}

void CudaStaging::synchronize() {
  check_cuda(cudaStreamSynchronize(stream_), "work on a device tensor");
}

}  // namespace ranklog::gpu
