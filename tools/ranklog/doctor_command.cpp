// What this build can do with the GPUs of this machine, and why not more.
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "device/driver.hpp"
#include "device/nvml.hpp"
#include "ranklog/error.hpp"
#include "ranklog/version.hpp"
#include "tools/ranklog/commands.hpp"
#include "tools/ranklog/json_text.hpp"

namespace ranklog::tool {
namespace {

// Empty if `look` finds it, else why not.
std::string reason_against(const std::function<void()>& look) {
  try {
    look();
  } catch (const DeviceError& error) {
    return error.what();
  }
  return {};
}

struct Findings {
  std::string no_cuda;
  std::string no_nvml;
  std::string no_nccl;
  std::vector<GpuInfo> gpus;
};

Findings examine() {
  Findings found;
  found.no_nvml = reason_against([] { (void)gpu::load_nvml(); });
  std::unique_ptr<gpu::Driver> driver;
  found.no_cuda = reason_against([&] {
    driver = gpu::make_driver();
    for (int i = 0; i < driver->n_devices(); ++i) found.gpus.push_back(driver->facts(i));
  });
  found.no_nccl = driver ? reason_against([&] { driver->check_link(); }) : "needs a GPU";
  return found;
}

std::string line(const char* what, const std::string& why_not, const char* if_there) {
  return fmt::format("{:<8}{}\n", what, why_not.empty() ? if_there : "no: " + why_not);
}

std::string table_of(const Findings& found, Charset charset) {
  std::string text = fmt::format("ranklog {}\n", version);
  text += line("CUDA", found.no_cuda, "device tensors can be logged, reduced and gathered");
  for (std::size_t i = 0; i < found.gpus.size(); ++i) {
    const GpuInfo& gpu = found.gpus[i];
    text +=
        fmt::format("GPU {:<4}{}, {:.1f} GiB, {}, CUDA {} (driver), {} (runtime)\n", i,
                    printable(gpu.name, charset), static_cast<double>(gpu.memory_bytes) / 0x1p30,
                    printable(gpu.uuid, charset), gpu.driver_version, gpu.runtime_version);
  }
  text += line("NVML", found.no_nvml, "GPU metrics can be logged");
  text +=
      "Paths of whole device tensors between ranks (the one that a job took is device_path in its\n"
      "run file, /run/<attempt>):\n";
  const bool has_gpu = found.no_cuda.empty();
  text += line("staged", has_gpu ? "" : "needs a GPU", "always; the default");
  text += line("direct", has_gpu ? "" : "needs a GPU",
               "if the job's MPI says that it takes device memory and passes a test in the job");
  text += line("nccl", found.no_nccl, "if no two ranks share a GPU");
  return text;
}

Json json_of(const Findings& found) {
  Json gpus = Json::array();
  for (const GpuInfo& gpu : found.gpus) {
    gpus.push_back({{"name", gpu.name},
                    {"uuid", gpu.uuid},
                    {"memory_bytes", gpu.memory_bytes},
                    {"cuda_driver", gpu.driver_version},
                    {"cuda_runtime", gpu.runtime_version}});
  }
  const auto reason = [](const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
  };
  return {{"schema", json_schema},
          {"version", version},
          {"is_cuda_compiled_in", gpu::is_compiled_in()},
          {"gpus", gpus},
          {"no_cuda", reason(found.no_cuda)},
          {"no_nvml", reason(found.no_nvml)},
          {"no_nccl", reason(found.no_nccl)}};
}

}  // namespace

CommandResult run_doctor(const DoctorOptions& options) {
  const Findings found = examine();
  CommandResult result;
  result.output = options.json ? to_text(json_of(found)) : table_of(found, options.layout.charset);
  return result;
}

}  // namespace ranklog::tool
