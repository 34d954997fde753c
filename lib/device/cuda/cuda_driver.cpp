// The Driver on the CUDA runtime.
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include "device/cuda/cuda_staging.hpp"
#include "device/cuda/cuda_workspace.hpp"
#include "device/cuda/runtime.hpp"
#include "device/driver.hpp"
#include "ranklog/error.hpp"

namespace ranklog::gpu {
namespace {

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

// RFC 4122 form with CUDA's prefix, as nvidia-smi prints it.
std::string uuid_text(const cudaUUID_t& uuid) {
  std::string text = "GPU-";
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(uuid.bytes[i]));
  }
  return text;
}

int device_of_pointer(const DeviceSpan& tensor) {
  cudaPointerAttributes attributes{};
  check_cuda(cudaPointerGetAttributes(&attributes, tensor.data),
             "asking CUDA for the kind of a pointer");
  if (attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged) {
    return attributes.device;
  }
  throw DeviceError(fmt::format(
      "{} is not device memory ({}); pass a device pointer, or log host memory as a std::span",
      fmt::ptr(tensor.data),
      attributes.type == cudaMemoryTypeHost ? "it is pinned host memory"
                                            : "CUDA does not know it"));
}

void check_stream(const DeviceSpan& tensor, int device) {
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  check_cuda(cudaStreamIsCapturing(tensor.stream, &capture),
             "asking CUDA for the state of the stream of a device value");
  if (capture != cudaStreamCaptureStatusNone) {
    throw DeviceError(
        "the stream of a device value is being captured into a CUDA graph; log after the capture");
  }
#if CUDART_VERSION >= 12080
  if (tensor.stream == nullptr) return;
  int stream_device = device;
  check_cuda(cudaStreamGetDevice(tensor.stream, &stream_device),
             "asking CUDA for the device of a stream");
  if (stream_device != device) {
    throw DeviceError(fmt::format(
        "the tensor is on device {} and its stream on device {}; pass a stream of the tensor's "
        "device",
        device, stream_device));
  }
#endif
}

class CudaDriver final : public Driver {
 public:
  CudaDriver() {
    const cudaError_t code = cudaGetDeviceCount(&n_devices_);
    if (code == cudaSuccess && n_devices_ > 0) return;
    (void)cudaGetLastError();
    throw DeviceError(
        fmt::format("there is no usable GPU on this rank: {}",
                    code == cudaSuccess ? "CUDA finds no device" : cudaGetErrorString(code)));
  }

  [[nodiscard]] int n_devices() const override { return n_devices_; }

  [[nodiscard]] DeviceFacts facts(int device) const override {
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
    int driver = 0;
    int runtime = 0;
    check_cuda(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
    check_cuda(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
    return {properties.name, uuid_text(properties.uuid),
            static_cast<std::int64_t>(properties.totalGlobalMem), version_text(driver),
            version_text(runtime)};
  }

  [[nodiscard]] int check(const DeviceSpan& tensor) const override {
    const cudaError_t before = cudaPeekAtLastError();
    if (before != cudaSuccess) {
      throw DeviceError(fmt::format(
          "the CUDA runtime holds an error from before this call: {} ({}); it is left there for "
          "the program to take",
          cudaGetErrorString(before), cudaGetErrorName(before)));
    }
    const int device = device_of_pointer(tensor);
    check_stream(tensor, device);
    return device;
  }

  [[nodiscard]] std::unique_ptr<Workspace> make_workspace(int device) override {
    return std::make_unique<CudaWorkspace>(device);
  }
  [[nodiscard]] std::unique_ptr<Staging> make_staging(int device, std::size_t n_bytes) override {
    return std::make_unique<CudaStaging>(device, n_bytes);
  }

 private:
  int n_devices_ = 0;
};

}  // namespace

std::unique_ptr<Driver> make_driver() { return std::make_unique<CudaDriver>(); }

bool is_compiled_in() noexcept { return true; }

}  // namespace ranklog::gpu
