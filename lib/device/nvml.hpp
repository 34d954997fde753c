// GPU utilisation, memory, power and temperature from the driver's management library, which is
// loaded at run time and needs no CUDA.
#pragma once

#include <memory>
#include <string>

#include "device/gpu_reading.hpp"

namespace ranklog::gpu {

// The functions of NVML that are used; tests bring their own. Names and types: NVML API reference.
struct NvmlFunctions {
  using Device = struct nvmlDevice_st*;
  struct Utilization {
    unsigned gpu;
    unsigned memory;
  };
  struct Memory {
    unsigned long long total;
    unsigned long long free;
    unsigned long long used;
  };
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  const char* (*error_string)(int) = nullptr;
  int (*device_by_uuid)(const char*, Device*) = nullptr;
  int (*utilization)(Device, Utilization*) = nullptr;
  int (*memory)(Device, Memory*) = nullptr;
  int (*power_mw)(Device, unsigned*) = nullptr;
  int (*temperature_c)(Device, int, unsigned*) = nullptr;
};

// Errors: DeviceError where libnvidia-ml.so.1 is not found.
[[nodiscard]] NvmlFunctions load_nvml();

// `uuid` as nvidia-smi prints it. Errors: DeviceError if NVML does not start or know it.
[[nodiscard]] std::unique_ptr<GpuProbe> make_nvml_probe(const NvmlFunctions& nvml,
                                                        const std::string& uuid);

}  // namespace ranklog::gpu
