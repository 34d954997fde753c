// One launch of the statistics kernel at a time, with its memory and its event.
#pragma once

#include <cuda_runtime_api.h>

#include "device/cuda/statistics_kernel.hpp"
#include "device/driver.hpp"

namespace ranklog::gpu {

class CudaWorkspace final : public Workspace {
 public:
  // Allocates on `device` and in pinned memory. Waits for none of the program's streams, except
  // that CUDA may do so to load the kernel when the first one is made. Errors: DeviceError.
  CudaWorkspace(int device, int n_blocks);
  ~CudaWorkspace() override;

  void launch(std::span<const DeviceSpan> tensors, DeviceStream stream) override;
  [[nodiscard]] bool is_done() override;
  void wait() override;
  [[nodiscard]] std::span<const TensorStatistics> results() const override {
    return {results_, n_tensors_};
  }

 private:
  void allocate(int n_blocks);
  void free_all() noexcept;

  int device_;
  TensorStatistics* partials_ = nullptr;       // device
  unsigned* n_finished_ = nullptr;             // device
  TensorStatistics* results_ = nullptr;        // pinned, as the host sees it
  TensorStatistics* results_there_ = nullptr;  // the same, as the device sees it
  cudaEvent_t done_ = nullptr;
  std::size_t n_tensors_ = 0;
};

}  // namespace ranklog::gpu
