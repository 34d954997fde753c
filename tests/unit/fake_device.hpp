// A device made of host memory: runs the kernel's own code on the host, finishes when the test says
// so, and fails where the test says so.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "device/driver.hpp"
#include "ranklog/error.hpp"

namespace ranklog::testing {

// Shared by a driver and its workspaces; what a test turns and reads.
struct FakeDevice {
  bool is_slow = false;               // launches finish only when this is false again
  std::string asynchronous_error;     // reported by the next is_done() or wait()
  std::string check_error;            // reported by check()
  std::string launch_error;           // reported by launch()
  bool is_out_of_memory = false;      // make_workspace() fails
  std::map<const void*, int> device;  // of a pointer; 0 where it is not listed
  int n_launches = 0;
  int n_waits = 0;
  std::vector<std::size_t> tensors_per_launch;
};

// As the kernel does it: every block's threads, merged by the same trees.
inline gpu::TensorStatistics statistics_on_host(const DeviceSpan& tensor) {
  using namespace gpu;  // NOLINT: this function is the kernel
  const auto n = static_cast<std::int64_t>(tensor.n);
  const int n_blocks = blocks_for(n);
  const std::int64_t n_threads = std::int64_t{n_blocks} * threads_per_block;
  const auto merge_tree = [](std::vector<TensorStatistics>& parts) {
    for (std::size_t half = parts.size() / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) merge(parts[i], parts[i + half]);
    }
    return parts.front();
  };
  const auto scan_thread = [&](TensorStatistics& mine, std::int64_t thread) {
    switch (tensor.element) {
      case DeviceElement::f64:
        return scan(mine, static_cast<const double*>(tensor.data), n, thread, n_threads);
      case DeviceElement::f32:
        return scan(mine, static_cast<const float*>(tensor.data), n, thread, n_threads);
      case DeviceElement::f16:
        return scan(mine, static_cast<const Half*>(tensor.data), n, thread, n_threads);
      case DeviceElement::bf16:
        return scan(mine, static_cast<const Bfloat16*>(tensor.data), n, thread, n_threads);
      case DeviceElement::i64:
        return scan(mine, static_cast<const std::int64_t*>(tensor.data), n, thread, n_threads);
      case DeviceElement::i32:
        return scan(mine, static_cast<const std::int32_t*>(tensor.data), n, thread, n_threads);
      case DeviceElement::u8:
        return scan(mine, static_cast<const std::uint8_t*>(tensor.data), n, thread, n_threads);
    }
  };
  std::vector<TensorStatistics> partials;
  for (int block = 0; block < n_blocks; ++block) {
    std::vector<TensorStatistics> threads(threads_per_block, no_elements());
    for (int i = 0; i < threads_per_block; ++i) {
      scan_thread(threads[static_cast<std::size_t>(i)],
                  std::int64_t{block} * threads_per_block + i);
    }
    partials.push_back(merge_tree(threads));
  }
  std::vector<TensorStatistics> last(threads_per_block, no_elements());
  for (std::size_t block = 0; block < partials.size(); ++block) {
    merge(last[block % threads_per_block], partials[block]);
  }
  return merge_tree(last);
}

class FakeWorkspace final : public gpu::Workspace {
 public:
  explicit FakeWorkspace(std::shared_ptr<FakeDevice> device) : device_(std::move(device)) {}

  void launch(std::span<const DeviceSpan> tensors, DeviceStream) override {
    if (!device_->launch_error.empty()) throw DeviceError(device_->launch_error);
    ++device_->n_launches;
    device_->tensors_per_launch.push_back(tensors.size());
    tensors_.assign(tensors.begin(), tensors.end());
    results_.assign(tensors.size(), gpu::no_elements());
  }
  [[nodiscard]] bool is_done() override {
    fail_if_asked();
    if (device_->is_slow) return false;
    run();
    return true;
  }
  void wait() override {
    ++device_->n_waits;
    fail_if_asked();
    run();
  }
  [[nodiscard]] std::span<const gpu::TensorStatistics> results() const override { return results_; }

 private:
  void fail_if_asked() {
    if (device_->asynchronous_error.empty()) return;
    throw DeviceError(device_->asynchronous_error);
  }
  void run() {
    for (std::size_t i = 0; i < tensors_.size(); ++i) results_[i] = statistics_on_host(tensors_[i]);
    tensors_.clear();
  }

  std::shared_ptr<FakeDevice> device_;
  std::vector<DeviceSpan> tensors_;
  std::vector<gpu::TensorStatistics> results_;
};

class FakeStaging final : public gpu::Staging {
 public:
  explicit FakeStaging(std::size_t n_bytes) : sides_(2, std::vector<std::byte>(n_bytes)) {}
  void begin(DeviceStream) override {}
  [[nodiscard]] std::span<std::byte> buffer(int which) override {
    return sides_[static_cast<std::size_t>(which)];
  }
  void start_download(int which, const void* device_data, std::size_t n_bytes) override {
    const auto* from = static_cast<const std::byte*>(device_data);
    std::copy_n(from, n_bytes, sides_[static_cast<std::size_t>(which)].begin());
  }
  void start_upload(int which, void* device_data, std::size_t n_bytes) override {
    std::copy_n(sides_[static_cast<std::size_t>(which)].begin(), n_bytes,
                static_cast<std::byte*>(device_data));
  }
  void wait(int) override {}

 private:
  std::vector<std::vector<std::byte>> sides_;
};

class FakeDriver final : public gpu::Driver {
 public:
  explicit FakeDriver(std::shared_ptr<FakeDevice> device) : device_(std::move(device)) {}
  [[nodiscard]] int n_devices() const override { return 2; }
  [[nodiscard]] gpu::DeviceFacts facts(int device) const override {
    return {"Fake " + std::to_string(device), "GPU-0", 1 << 20, "12.0", "12.0"};
  }
  [[nodiscard]] int check(const DeviceSpan& tensor) const override {
    if (!device_->check_error.empty()) throw DeviceError(device_->check_error);
    const auto known = device_->device.find(tensor.data);
    return known == device_->device.end() ? 0 : known->second;
  }
  [[nodiscard]] std::unique_ptr<gpu::Workspace> make_workspace(int) override {
    if (device_->is_out_of_memory) throw DeviceError("cudaMalloc failed: out of memory");
    return std::make_unique<FakeWorkspace>(device_);
  }
  [[nodiscard]] std::unique_ptr<gpu::Staging> make_staging(int, std::size_t n_bytes) override {
    return std::make_unique<FakeStaging>(n_bytes);
  }

 private:
  std::shared_ptr<FakeDevice> device_;
};

}  // namespace ranklog::testing
