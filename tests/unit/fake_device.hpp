// A device made of host memory: runs the kernel's own code on the host, finishes when the test says
// so, and fails where the test says so.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "comm/backend.hpp"
#include "core/sketch_buckets.hpp"
#include "device/driver.hpp"
#include "ranklog/error.hpp"

namespace ranklog::testing {

// Shared by a driver and what it makes; what a test turns and reads.
struct FakeDevice {
  bool is_slow = false;            // launches finish only when this is false again
  std::string asynchronous_error;  // reported by the next is_done() or wait()
  std::string left_error;          // of the program, reported by check_no_error()
  std::string check_error;         // reported by device_of()
  std::string launch_error;        // reported by launch()
  bool is_out_of_memory = false;   // whatever is made fails
  std::string copy_error;          // reported by the copy after n_copies_before_error
  int n_copies_before_error = 0;
  bool adds_wrongly = false;           // combine() is off by one
  std::string link_error;              // NCCL is not found
  const Communicator* link = nullptr;  // what stands in for NCCL
  std::string uuid = "GPU-0";
  int n_devices = 2;
  int current = 0;
  std::vector<std::string> copies;    // "load 0", "store 1": in order
  std::map<const void*, int> device;  // of a pointer or stream; 0 or any where it is not listed
  int n_stream_checks = 0;
  int n_launches = 0;
  int n_waits = 0;
  std::vector<std::size_t> tensors_per_launch;
  std::vector<int> workspace_blocks;  // what each workspace was made for
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
    with_element(tensor.element, [&]<class T>(T*) {
      scan(mine, static_cast<const T*>(tensor.data), n, thread, n_threads);
    });
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

class FakeSketcher final : public gpu::Sketcher {
 public:
  explicit FakeSketcher(std::shared_ptr<FakeDevice> device) : device_(std::move(device)) {}
  void launch(const DeviceSpan& tensor) override {
    if (!device_->launch_error.empty()) throw DeviceError(device_->launch_error);
    tensor_ = tensor;
  }
  void wait() override {
    if (!device_->asynchronous_error.empty()) throw DeviceError(device_->asynchronous_error);
    counts_.assign(sketch::n_buckets, 0);
    gpu::with_element(tensor_.element, [&]<class T>(T*) {
      for (std::size_t i = 0; i < tensor_.n; ++i) {
        const double x = gpu::widen(static_cast<const T*>(tensor_.data)[i]);
        if (gpu::is_finite(x)) ++counts_[static_cast<std::size_t>(sketch::bucket_of(x))];
      }
    });
  }
  [[nodiscard]] std::span<const std::uint64_t> counts() const override { return counts_; }

 private:
  std::shared_ptr<FakeDevice> device_;
  DeviceSpan tensor_;
  std::vector<std::uint64_t> counts_;
};

// Copies happen when they are waited for, so that one who does not wait reads old bytes.
class FakeStaging final : public gpu::Staging {
 public:
  FakeStaging(std::shared_ptr<FakeDevice> device, std::size_t n_bytes)
      : device_(std::move(device)), buffers_(3, std::vector<std::byte>(n_bytes)) {}
  void begin(DeviceStream) override {}
  [[nodiscard]] std::byte* buffer(int which) override {
    return buffers_[static_cast<std::size_t>(which)].data();
  }
  void start_load(int side, std::size_t offset, const void* device_data,
                  std::size_t n_bytes) override {
    queue("load " + std::to_string(side), buffer(side) + offset, device_data, n_bytes);
  }
  void start_store(int side, std::size_t offset, void* device_data, std::size_t n_bytes) override {
    queue("store " + std::to_string(side), device_data, buffer(side) + offset, n_bytes);
  }
  void combine(int side, std::size_t offset, const gpu::Combination& how) override {
    gpu::combine_on_host(buffer(received), buffer(side) + offset, how);
    if (device_->adds_wrongly) buffer(side)[offset] ^= std::byte{1};
  }
  void wait(int) override { synchronize(); }
  void synchronize() override {
    for (const auto& copy : queued_) std::memcpy(copy.to, copy.from, copy.n_bytes);
    queued_.clear();
    if (!pending_error_.empty()) throw DeviceError(pending_error_);
  }
  [[nodiscard]] DeviceStream stream() const override { return nullptr; }

 private:
  struct Copy {
    void* to;
    const void* from;
    std::size_t n_bytes;
  };
  void queue(const std::string& name, void* to, const void* from, std::size_t n_bytes) {
    if (!device_->copy_error.empty() && device_->n_copies_before_error-- == 0) {
      pending_error_ = device_->copy_error;
    }
    device_->copies.push_back(name);
    queued_.push_back({to, from, n_bytes});
  }

  std::shared_ptr<FakeDevice> device_;
  std::vector<std::vector<std::byte>> buffers_;
  std::vector<Copy> queued_;
  std::string pending_error_;
};

class FakeLink final : public gpu::DeviceLink {
 public:
  explicit FakeLink(const Communicator& comm) : comm_(comm) {}
  void all_to_all(const void* send, void* receive, std::size_t n_bytes_each,
                  DeviceStream) override {
    comm_.backend().all_to_all(send, receive, n_bytes_each);
  }
  void all_gather_in_place(void* data, std::size_t n_bytes_each, DeviceStream) override {
    comm_.backend().all_gather_in_place(data, n_bytes_each);
  }

 private:
  const Communicator& comm_;
};

class FakeDriver final : public gpu::Driver {
 public:
  explicit FakeDriver(std::shared_ptr<FakeDevice> device) : device_(std::move(device)) {}
  [[nodiscard]] int n_devices() const override { return device_->n_devices; }
  [[nodiscard]] int current_device() const override { return device_->current; }
  void make_current(int device) override { device_->current = device; }
  [[nodiscard]] GpuInfo facts(int device) const override {
    return {"Fake " + std::to_string(device), device_->uuid, 1 << 20, "12.0", "12.0"};
  }
  void check_no_error() const override {
    if (!device_->left_error.empty()) throw DeviceError(device_->left_error);
  }
  [[nodiscard]] int device_of(const void* data) const override {
    if (!device_->check_error.empty()) throw DeviceError(device_->check_error);
    const auto known = device_->device.find(data);
    return known == device_->device.end() ? 0 : known->second;
  }
  void check_stream(DeviceStream stream, int device) const override {
    ++device_->n_stream_checks;
    const auto known = device_->device.find(stream);
    if (known == device_->device.end() || known->second == device) return;
    throw DeviceError("the tensor is on device " + std::to_string(device) +
                      " and its stream on device " + std::to_string(known->second));
  }
  [[nodiscard]] std::unique_ptr<gpu::Workspace> make_workspace(int, int n_blocks) override {
    check_memory();
    device_->workspace_blocks.push_back(n_blocks);
    return std::make_unique<FakeWorkspace>(device_);
  }
  [[nodiscard]] std::unique_ptr<gpu::Sketcher> make_sketcher(int) override {
    check_memory();
    return std::make_unique<FakeSketcher>(device_);
  }
  [[nodiscard]] std::unique_ptr<gpu::Staging> make_staging(int, std::size_t n_bytes,
                                                           gpu::StagingMemory) override {
    check_memory();
    return std::make_unique<FakeStaging>(device_, n_bytes);
  }
  void check_link() const override {
    if (!device_->link_error.empty()) throw DeviceError(device_->link_error);
  }
  [[nodiscard]] std::vector<std::byte> make_link_id() override { return {std::byte{7}}; }
  [[nodiscard]] std::unique_ptr<gpu::DeviceLink> make_link(std::span<const std::byte> id, int, int,
                                                           int) override {
    if (id.size() != 1 || id[0] != std::byte{7}) throw DeviceError("the id did not arrive");
    return std::make_unique<FakeLink>(*device_->link);
  }

 private:
  void check_memory() const {
    if (device_->is_out_of_memory) throw DeviceError("cudaMalloc failed: out of memory");
  }

  std::shared_ptr<FakeDevice> device_;
};

}  // namespace ranklog::testing
