// Calls of the CUDA runtime that throw, and the guard that puts the caller's device back.
#pragma once

#include <cuda_runtime_api.h>

namespace ranklog::gpu {

// Throws DeviceError naming `what` and CUDA's own words. An error that our call left in the
// runtime's memory of the last error is taken out of it, so that the host program does not find it.
void check_cuda(cudaError_t code, const char* what);

// Makes `device` current on this thread until the end of the scope.
class CurrentDevice {
 public:
  explicit CurrentDevice(int device);
  ~CurrentDevice();
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int previous_ = 0;
  bool is_changed_ = false;
};

}  // namespace ranklog::gpu
