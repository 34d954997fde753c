#include "device/nvml.hpp"

#include <fmt/format.h>

#include <limits>

#include "device/shared_library.hpp"
#include "ranklog/error.hpp"

namespace ranklog::gpu {
namespace {

// Return codes of the NVML API.
constexpr int success = 0;
constexpr int gpu_is_lost = 15;
constexpr int temperature_of_gpu = 0;
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

class NvmlProbe final : public GpuProbe {
 public:
  NvmlProbe(const NvmlFunctions& nvml, const std::string& uuid) : nvml_(nvml) {
    check(nvml_.init(), "starting NVML");
    try {
      check(nvml_.device_by_uuid(uuid.c_str(), &device_), "finding the GPU " + uuid);
    } catch (...) {
      (void)nvml_.shutdown();
      throw;
    }
  }
  ~NvmlProbe() override { (void)nvml_.shutdown(); }

  [[nodiscard]] GpuReading read() override {
    NvmlFunctions::Utilization busy{};
    NvmlFunctions::Memory memory{};
    unsigned milliwatts = 0;
    unsigned degrees = 0;
    const bool has_busy = is_told(nvml_.utilization(device_, &busy));
    const bool has_memory = is_told(nvml_.memory(device_, &memory));
    const bool has_power = is_told(nvml_.power_mw(device_, &milliwatts));
    const bool has_degrees = is_told(nvml_.temperature_c(device_, temperature_of_gpu, &degrees));
    return {has_busy ? busy.gpu : unknown, has_memory ? static_cast<double>(memory.used) : unknown,
            has_power ? milliwatts * 1e-3 : unknown, has_degrees ? degrees : unknown};
  }

 private:
  void check(int code, const std::string& what) const {
    if (code == success) return;
    throw DeviceError(fmt::format("{} failed: {}", what, nvml_.error_string(code)));
  }
  // What a card does not support it says by an error code; only a lost GPU ends the reading.
  [[nodiscard]] bool is_told(int code) const {
    if (code == gpu_is_lost) check(code, "reading the GPU's state");
    return code == success;
  }

  NvmlFunctions nvml_;
  NvmlFunctions::Device device_ = nullptr;
};

}  // namespace

NvmlFunctions load_nvml() {
  const SharedLibrary library("libnvidia-ml.so.1");
  NvmlFunctions nvml;
  library.find(nvml.init, "nvmlInit_v2");
  library.find(nvml.shutdown, "nvmlShutdown");
  library.find(nvml.error_string, "nvmlErrorString");
  library.find(nvml.device_by_uuid, "nvmlDeviceGetHandleByUUID");
  library.find(nvml.utilization, "nvmlDeviceGetUtilizationRates");
  library.find(nvml.memory, "nvmlDeviceGetMemoryInfo");
  library.find(nvml.power_mw, "nvmlDeviceGetPowerUsage");
  library.find(nvml.temperature_c, "nvmlDeviceGetTemperature");
  return nvml;
}

std::unique_ptr<GpuProbe> make_nvml_probe(const NvmlFunctions& nvml, const std::string& uuid) {
  return std::make_unique<NvmlProbe>(nvml, uuid);
}

}  // namespace ranklog::gpu
