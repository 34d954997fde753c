// Reads a GPU's state on a thread of its own, because a reading can take milliseconds.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "device/gpu_reading.hpp"

namespace ranklog::gpu {

class GpuSampler {
 public:
  GpuSampler(std::unique_ptr<GpuProbe> probe, std::chrono::milliseconds interval);
  ~GpuSampler();
  GpuSampler(const GpuSampler&) = delete;
  GpuSampler& operator=(const GpuSampler&) = delete;

  // The newest reading; each is given once. Does not wait for one.
  [[nodiscard]] std::optional<GpuReading> take();
  // Why there are no more readings; empty while there are. Given once.
  [[nodiscard]] std::string take_failure();

 private:
  void run();

  std::unique_ptr<GpuProbe> probe_;
  std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<GpuReading> newest_;
  std::string failure_;
  bool is_ending_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace ranklog::gpu
