#include "device/cuda/runtime.hpp"

#include <fmt/format.h>

#include "ranklog/error.hpp"

namespace ranklog::gpu {

void check_cuda(cudaError_t code, const char* what) {
  if (code == cudaSuccess) return;
  (void)cudaGetLastError();
  throw DeviceError(
      fmt::format("{} failed: {} ({})", what, cudaGetErrorString(code), cudaGetErrorName(code)));
}

BesideCapture::BesideCapture() {
  check_cuda(cudaThreadExchangeStreamCaptureMode(&previous_),
             "cudaThreadExchangeStreamCaptureMode");
}

BesideCapture::~BesideCapture() { (void)cudaThreadExchangeStreamCaptureMode(&previous_); }

OwnStream::OwnStream() {
  check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
}

OwnStream::~OwnStream() { (void)cudaStreamDestroy(stream); }

CurrentDevice::CurrentDevice(int device) {
  check_cuda(cudaGetDevice(&previous_), "cudaGetDevice");
  if (previous_ == device) return;
  check_cuda(cudaSetDevice(device), "cudaSetDevice");
  is_changed_ = true;
}

CurrentDevice::~CurrentDevice() {
  if (is_changed_) (void)cudaSetDevice(previous_);
}

}  // namespace ranklog::gpu
