// One launch of the sketch kernel at a time, with its memory and its event.
#pragma once

#include <cuda_runtime_api.h>

#include "device/driver.hpp"

namespace ranklog::gpu {

class CudaSketcher final : public Sketcher {
 public:
  // Allocates on `device` and in pinned memory. Errors: DeviceError.
  explicit CudaSketcher(int device);
  ~CudaSketcher() override;

  void launch(const DeviceSpan& tensor) override;
  void wait() override;
  [[nodiscard]] std::span<const std::uint64_t> counts() const override;

 private:
  void free_all() noexcept;

  int device_;
  unsigned long long* counts_ = nullptr;  // device
  std::uint64_t* results_ = nullptr;      // pinned
  cudaEvent_t done_ = nullptr;
};

}  // namespace ranklog::gpu
