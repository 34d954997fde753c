#include "device/gpu_sampler.hpp"

#include <exception>
#include <utility>

namespace ranklog::gpu {

GpuSampler::GpuSampler(std::unique_ptr<GpuProbe> probe, std::chrono::milliseconds interval)
    : probe_(std::move(probe)), interval_(interval), thread_([this] { run(); }) {}

GpuSampler::~GpuSampler() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

std::optional<GpuReading> GpuSampler::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(newest_, std::nullopt);
}

std::string GpuSampler::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, {});
}

void GpuSampler::run() {
  std::unique_lock lock(mutex_);
  while (!is_ending_) {
    lock.unlock();
    std::optional<GpuReading> reading;
    std::string failure;
    try {
      reading = probe_->read();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    lock.lock();
    if (!reading) {
      failure_ = std::move(failure);
      return;
    }
    newest_ = reading;
    wake_.wait_for(lock, interval_, [this] { return is_ending_; });
  }
}

}  // namespace ranklog::gpu
