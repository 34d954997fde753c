// The Driver on the CUDA runtime.
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include "device/cuda/cuda_sketcher.hpp"
#include "device/cuda/cuda_staging.hpp"
#include "device/cuda/cuda_workspace.hpp"
#include "device/cuda/nccl_link.hpp"
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

// Why the runtime counts no device. A machine without a driver it calls one with too old a driver.
std::string why_no_device(cudaError_t code) {
  if (code == cudaSuccess) return "CUDA finds no device";
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) {
    return "the NVIDIA driver is not there (libcuda.so.1)";
  }
  return cudaGetErrorString(code);
}

int device_of_pointer(const void* data) {
  cudaPointerAttributes attributes{};
  check_cuda(cudaPointerGetAttributes(&attributes, data), "asking CUDA for the kind of a pointer");
  if (attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged) {
    return attributes.device;
  }
  throw DeviceError(fmt::format(
      "{} is not device memory ({}); pass a device pointer, or log host memory as a std::span",
      fmt::ptr(data),
      attributes.type == cudaMemoryTypeHost ? "it is pinned host memory"
                                            : "CUDA does not know it"));
}

void check_stream_of(DeviceStream stream, int device) {
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  check_cuda(cudaStreamIsCapturing(stream, &capture),
             "asking CUDA for the state of the stream of a device value");
  if (capture != cudaStreamCaptureStatusNone) {
    throw DeviceError(
        "the stream of a device value is being captured into a CUDA graph; log after the capture");
  }
#if CUDART_VERSION >= 12080
  if (stream == nullptr) return;
  int stream_device = device;
  check_cuda(cudaStreamGetDevice(stream, &stream_device), "asking CUDA for the device of a stream");
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
    const std::string reason = why_no_device(code);
    (void)cudaGetLastError();
    throw DeviceError(fmt::format("there is no usable GPU on this rank: {}", reason));
  }

  [[nodiscard]] int n_devices() const override { return n_devices_; }

  [[nodiscard]] int current_device() const override {
    int device = 0;
    check_cuda(cudaGetDevice(&device), "cudaGetDevice");
    return device;
  }
  void make_current(int device) override { check_cuda(cudaSetDevice(device), "cudaSetDevice"); }

  [[nodiscard]] GpuInfo facts(int device) const override {
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

  void check_no_error() const override {
    const cudaError_t before = cudaPeekAtLastError();
    if (before != cudaSuccess) {
      throw DeviceError(fmt::format(
          "the CUDA runtime holds an error from before this call: {} ({}); it is left there for "
          "the program to take",
          cudaGetErrorString(before), cudaGetErrorName(before)));
    }
  }
  [[nodiscard]] int device_of(const void* data) const override { return device_of_pointer(data); }
  void check_stream(DeviceStream stream, int device) const override {
    check_stream_of(stream, device);
  }

  [[nodiscard]] std::unique_ptr<Workspace> make_workspace(int device, int n_blocks) override {
    return std::make_unique<CudaWorkspace>(device, n_blocks);
  }
  [[nodiscard]] std::unique_ptr<Sketcher> make_sketcher(int device) override {
    return std::make_unique<CudaSketcher>(device);
  }
  [[nodiscard]] std::unique_ptr<Staging> make_staging(int device, std::size_t n_bytes,
                                                      StagingMemory memory) override {
    return std::make_unique<CudaStaging>(device, n_bytes, memory);
  }
  void check_link() const override { load_nccl(); }
  [[nodiscard]] std::vector<std::byte> make_link_id() override { return make_nccl_id(); }
  [[nodiscard]] std::unique_ptr<DeviceLink> make_link(std::span<const std::byte> id, int n_ranks,
                                                      int rank, int device) override {
    return make_nccl_link(id, n_ranks, rank, device);
  }

 private:
  int n_devices_ = 0;
};

}  // namespace

std::unique_ptr<Driver> make_driver() { return std::make_unique<CudaDriver>(); }

bool is_compiled_in() noexcept { return true; }

}  // namespace ranklog::gpu
