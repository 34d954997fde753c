// Copies of device tensors through three buffers, in pinned host memory or on the device, on a
// stream of our own.
#pragma once

#include <cuda_runtime_api.h>

#include "device/driver.hpp"

namespace ranklog::gpu {

class CudaStaging final : public Staging {
 public:
  CudaStaging(int device, std::size_t n_bytes, StagingMemory memory);
  ~CudaStaging() override;

  void begin(DeviceStream stream) override;
  [[nodiscard]] std::byte* buffer(int which) override { return buffers_[which]; }
  void start_load(int side, std::size_t offset, const void* device_data,
                  std::size_t n_bytes) override;
  void start_store(int side, std::size_t offset, void* device_data, std::size_t n_bytes) override;
  void combine(int side, std::size_t offset, const Combination& how) override;
  void wait(int side) override;
  void synchronize() override;
  [[nodiscard]] DeviceStream stream() const override { return stream_; }

 private:
  void allocate(std::size_t n_bytes);
  void free_all() noexcept;
  void copy(int side, void* to, const void* from, std::size_t n_bytes);

  int device_;
  StagingMemory memory_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t before_ = nullptr;
  std::byte* buffers_[3] = {};
  cudaEvent_t copied_[2] = {};
};

}  // namespace ranklog::gpu
