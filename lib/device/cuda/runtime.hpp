// Calls of the CUDA runtime that throw, and the guard that puts the caller's device back.
#pragma once

#include <cuda_runtime_api.h>

namespace ranklog::gpu {

// Throws DeviceError naming `what` and CUDA's own words. An error that our call left in the
// runtime's memory of the last error is taken out of it, so that the host program does not find it.
void check_cuda(cudaError_t code, const char* what);

// While the program captures a stream into a CUDA graph, calls that may synchronise fail on every
// thread, and spoil the capture. Ours do not touch what is captured: until the end of the scope,
// this thread's are allowed.
class BesideCapture {
 public:
  BesideCapture();
  ~BesideCapture();
  BesideCapture(const BesideCapture&) = delete;
  BesideCapture& operator=(const BesideCapture&) = delete;

 private:
  cudaStreamCaptureMode previous_ = cudaStreamCaptureModeRelaxed;
};

// A stream that has no order with any other, until the end of the scope.
struct OwnStream {
  OwnStream();
  ~OwnStream();
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;
  cudaStream_t stream = nullptr;
};

// Makes `device` current on this thread until the end of the scope.
class CurrentDevice {
 public:
  explicit CurrentDevice(int device);
  ~CurrentDevice();
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  BesideCapture beside_capture_;
  int previous_ = 0;
  bool is_changed_ = false;
};

}  // namespace ranklog::gpu
