#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <string>
#include <thread>

#include "device/gpu_sampler.hpp"
#include "device/nvml.hpp"
#include "ranklog/error.hpp"

using ranklog::DeviceError;
using ranklog::gpu::GpuProbe;
using ranklog::gpu::GpuReading;
using ranklog::gpu::GpuSampler;
using ranklog::gpu::make_nvml_probe;
using ranklog::gpu::NvmlFunctions;

namespace {

constexpr int not_supported = 3;
constexpr int not_found = 6;
constexpr int gpu_is_lost = 15;

int n_open = 0;
int power_code = 0;

// An NVML that knows one GPU.
NvmlFunctions fake_nvml() {
  n_open = 0;
  power_code = 0;
  NvmlFunctions nvml;
  nvml.init = [] { return ++n_open * 0; };
  nvml.shutdown = [] { return --n_open * 0; };
  nvml.error_string = [](int code) { return code == not_found ? "Not Found" : "GPU is lost"; };
  nvml.device_by_uuid = [](const char* uuid, NvmlFunctions::Device*) {
    return std::string(uuid) == "GPU-1" ? 0 : not_found;
  };
  nvml.utilization = [](NvmlFunctions::Device, NvmlFunctions::Utilization* busy) {
    *busy = {70, 10};
    return 0;
  };
  nvml.memory = [](NvmlFunctions::Device, NvmlFunctions::Memory* memory) {
    *memory = {100, 60, 40};
    return 0;
  };
  nvml.power_mw = [](NvmlFunctions::Device, unsigned* milliwatts) {
    *milliwatts = 250500;
    return power_code;
  };
  nvml.temperature_c = [](NvmlFunctions::Device, int, unsigned* degrees) {
    *degrees = 55;
    return 0;
  };
  return nvml;
}

class CountingProbe final : public GpuProbe {
 public:
  [[nodiscard]] GpuReading read() override {
    if (++n_read_ > 2) throw DeviceError("the GPU is lost");
    return {static_cast<double>(n_read_), 0, 0, 0};
  }

 private:
  int n_read_ = 0;
};

template <class F>
void wait_until(F is_so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!is_so()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

TEST_CASE("readings have their units, and what a card does not tell is NaN") {
  const auto nvml = fake_nvml();
  {
    const auto probe = make_nvml_probe(nvml, "GPU-1");
    const auto all = probe->read();
    CHECK(all.utilization_percent == 70);
    CHECK(all.memory_used_bytes == 40);
    CHECK(all.power_w == 250.5);
    CHECK(all.temperature_c == 55);
    power_code = not_supported;
    CHECK(std::isnan(probe->read().power_w));
    CHECK(probe->read().temperature_c == 55);
    power_code = gpu_is_lost;
    CHECK_THROWS_WITH_AS((void)probe->read(), "reading the GPU's state failed: GPU is lost",
                         DeviceError);
    CHECK(n_open == 1);
  }
  CHECK(n_open == 0);
}

TEST_CASE("a GPU that NVML does not know is an error that names it, and NVML is closed") {
  CHECK_THROWS_WITH_AS((void)make_nvml_probe(fake_nvml(), "GPU-2"),
                       "finding the GPU GPU-2 failed: Not Found", DeviceError);
  CHECK(n_open == 0);
}

TEST_CASE("the sampler gives each reading once, and says once why there are no more") {
  GpuSampler sampler(std::make_unique<CountingProbe>(), std::chrono::milliseconds(1));
  std::string failure;
  wait_until([&] { return !(failure = sampler.take_failure()).empty(); });
  CHECK(failure == "the GPU is lost");
  CHECK(sampler.take_failure().empty());
  const auto newest = sampler.take();
  REQUIRE(newest.has_value());
  CHECK(newest->utilization_percent == 2);
  CHECK_FALSE(sampler.take().has_value());
}

TEST_CASE("a sampler that sleeps ends at once") {
  const auto start = std::chrono::steady_clock::now();
  { const GpuSampler sampler(std::make_unique<CountingProbe>(), std::chrono::hours(1)); }
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::minutes(1));
}
