#include "device/cuda/cuda_staging.hpp"

#include "device/cuda/runtime.hpp"

namespace ranklog::gpu {

CudaStaging::CudaStaging(int device, std::size_t n_bytes) : device_(device), n_bytes_(n_bytes) {
  const CurrentDevice current(device);
  try {
    check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
    check_cuda(cudaEventCreateWithFlags(&before_, cudaEventDisableTiming), "cudaEventCreate");
    for (auto& side : sides_) {
      check_cuda(
          cudaHostAlloc(reinterpret_cast<void**>(&side.pinned), n_bytes, cudaHostAllocPortable),
          "cudaHostAlloc of a pinned staging buffer");
      check_cuda(cudaEventCreateWithFlags(&side.copied, cudaEventDisableTiming), "cudaEventCreate");
    }
  } catch (...) {
    free_all();
    throw;
  }
}

CudaStaging::~CudaStaging() { free_all(); }

void CudaStaging::free_all() noexcept {
  for (auto& side : sides_) {
    if (side.copied != nullptr) (void)cudaEventDestroy(side.copied);
    if (side.pinned != nullptr) (void)cudaFreeHost(side.pinned);
  }
  if (before_ != nullptr) (void)cudaEventDestroy(before_);
  if (stream_ != nullptr) (void)cudaStreamDestroy(stream_);
}

void CudaStaging::begin(DeviceStream stream) {
  const CurrentDevice current(device_);
  check_cuda(cudaEventRecord(before_, stream), "cudaEventRecord on the tensor's stream");
  check_cuda(cudaStreamWaitEvent(stream_, before_, 0), "cudaStreamWaitEvent");
}

std::span<std::byte> CudaStaging::buffer(int which) { return {sides_[which].pinned, n_bytes_}; }

void CudaStaging::start_download(int which, const void* device_data, std::size_t n_bytes) {
  const CurrentDevice current(device_);
  check_cuda(
      cudaMemcpyAsync(sides_[which].pinned, device_data, n_bytes, cudaMemcpyDeviceToHost, stream_),
      "copying a device tensor to the host");
  check_cuda(cudaEventRecord(sides_[which].copied, stream_), "cudaEventRecord");
}

void CudaStaging::start_upload(int which, void* device_data, std::size_t n_bytes) {
  const CurrentDevice current(device_);
  check_cuda(
      cudaMemcpyAsync(device_data, sides_[which].pinned, n_bytes, cudaMemcpyHostToDevice, stream_),
      "copying a reduced tensor to the device");
  check_cuda(cudaEventRecord(sides_[which].copied, stream_), "cudaEventRecord");
}

void CudaStaging::wait(int which) {
  check_cuda(cudaEventSynchronize(sides_[which].copied), "copying a device tensor");
}

}  // namespace ranklog::gpu
