// Copies of device tensors through two pinned buffers on a stream of our own.
#pragma once

#include <cuda_runtime_api.h>

#include "device/driver.hpp"

namespace ranklog::gpu {

class CudaStaging final : public Staging {
 public:
  CudaStaging(int device, std::size_t n_bytes);
  ~CudaStaging() override;

  void begin(DeviceStream stream) override;
  [[nodiscard]] std::span<std::byte> buffer(int which) override;
  void start_download(int which, const void* device_data, std::size_t n_bytes) override;
  void start_upload(int which, void* device_data, std::size_t n_bytes) override;
  void wait(int which) override;

 private:
  void free_all() noexcept;

  int device_;
  std::size_t n_bytes_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t before_ = nullptr;
  struct Side {
    std::byte* pinned = nullptr;
    cudaEvent_t copied = nullptr;
  };
  Side sides_[2];
};

}  // namespace ranklog::gpu
