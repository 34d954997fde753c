// Accelerator's calls for GPUs: which one a rank uses, whole tensors, and how busy they are.
#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "accelerator/accelerator_impl.hpp"
#include "device/nvml.hpp"
#include "ranklog/error.hpp"
#include "ranklog/key.hpp"

namespace ranklog {

std::string Accelerator::device() const {
  const auto number = impl_->device_tensors.current_device();
  return number ? fmt::format("cuda:{}", *number) : "cpu";
}

int Accelerator::select_device() { return impl_->device_tensors.select(impl_->node.rank()); }

void Accelerator::reduce(const DeviceSpan& values, const DeviceBuffer& result, Reduction reduction,
                         double scale) const {
  impl_->device_tensors.reduce(values, result, reduction, scale);
}

std::size_t Accelerator::gather(const DeviceSpan& values, const DeviceBuffer& result) const {
  return impl_->device_tensors.gather(values, result);
}

PendingDistribution Accelerator::start_distribution(const DeviceSpan& values) const {
  return impl_->device_tensors.start_distribution(values);
}

Distribution Accelerator::finish_distribution(PendingDistribution pending) const {
  return impl_->device_tensors.finish_distribution(std::move(pending));
}

void Accelerator::Impl::start_gpu_metrics() {
  if (gpu_metrics_ == GpuMetrics::off) return;
  keys_.declare(gpu_utilization_key, {.unit = "%"}, helpers.rank());
  keys_.declare(gpu_memory_key, {.unit = "By"}, helpers.rank());
  keys_.declare(gpu_power_key, {.unit = "W"}, helpers.rank());
  keys_.declare(gpu_temperature_key, {.unit = "Cel"}, helpers.rank());
  const auto gpu = device_tensors.current_gpu();
  if (!gpu) return;
  try {
    gpu_sampler_ = std::make_unique<gpu::GpuSampler>(
        gpu::make_nvml_probe(gpu::load_nvml(), gpu->uuid), flush_interval_);
  } catch (const DeviceError& error) {
    report(fmt::format("rank {}: no GPU metrics: {}", helpers.rank(), error.what()));
  }
}

void Accelerator::Impl::log_gpu_metrics() {
  n_calls_since_gpu_metrics_ = 0;
  if (const auto failure = gpu_sampler_->take_failure(); !failure.empty()) {
    report(fmt::format("rank {}: no more GPU metrics: {}", helpers.rank(), failure));
  }
  const auto reading = gpu_sampler_->take();
  if (!reading) return;
  std::vector<Item> items;
  const auto add = [&](std::string_view key, double value) {
    if (!std::isnan(value)) items.emplace_back(key, value);
  };
  add(gpu_utilization_key, reading->utilization_percent);
  add(gpu_memory_key, reading->memory_used_bytes);
  add(gpu_power_key, reading->power_w);
  add(gpu_temperature_key, reading->temperature_c);
  if (!items.empty()) exchange_->submit(recorder_.make_own_row(items));
}

}  // namespace ranklog
