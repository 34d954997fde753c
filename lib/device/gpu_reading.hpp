// What a GPU says of itself: the interface behind which NVML stands.
#pragma once

namespace ranklog::gpu {

// NaN: the card does not tell.
struct GpuReading {
  double utilization_percent;  // of the time, some kernel ran
  double memory_used_bytes;    // by all processes
  double power_w;
  double temperature_c;
};

class GpuProbe {
 public:
  GpuProbe() = default;
  GpuProbe(const GpuProbe&) = delete;
  GpuProbe& operator=(const GpuProbe&) = delete;
  virtual ~GpuProbe() = default;
  // May take milliseconds. Errors: DeviceError if the GPU is lost.
  [[nodiscard]] virtual GpuReading read() = 0;
};

}  // namespace ranklog::gpu
