// What the host logic needs of a device: a launch that leaves statistics in pinned memory and an
// event. CUDA implements it; tests have an implementation of their own that can be slow or fail.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "device/tensor_statistics.hpp"
#include "ranklog/device.hpp"

namespace ranklog::gpu {

// Tensors of one launch; their descriptions travel as a kernel argument of 4 KiB at most.
inline constexpr std::size_t max_tensors_per_launch = 32;

// The memory of one launch at a time: scratch space on the device, results in pinned memory and
// an event. Made once and used again, because making one may synchronise the device.
class Workspace {
 public:
  Workspace() = default;
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  virtual ~Workspace() = default;

  // Queues one pass over up to max_tensors_per_launch tensors behind the work in `stream`. Does not
  // wait and does not allocate. Errors: DeviceError.
  virtual void launch(std::span<const DeviceSpan> tensors, DeviceStream stream) = 0;
  // Never waits. Errors: DeviceError if the device reported an error since the launch.
  [[nodiscard]] virtual bool is_done() = 0;
  // Waits. Errors: as is_done().
  virtual void wait() = 0;
  // Index = tensor. Only after is_done() said so.
  [[nodiscard]] virtual std::span<const TensorStatistics> results() const = 0;
};

// Two pinned buffers of equal size, so that one is copied while MPI works on the other. The copies
// run in order on a stream of their own.
class Staging {
 public:
  Staging() = default;
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  virtual ~Staging() = default;

  // The copies that follow run behind the work that is in `stream` now.
  virtual void begin(DeviceStream stream) = 0;
  [[nodiscard]] virtual std::span<std::byte> buffer(int which) = 0;
  virtual void start_download(int which, const void* device_data, std::size_t n_bytes) = 0;
  virtual void start_upload(int which, void* device_data, std::size_t n_bytes) = 0;
  // Waits for the last copy of that buffer. Errors: DeviceError.
  virtual void wait(int which) = 0;
};

// What is known of one device, for the run's provenance.
struct DeviceFacts {
  std::string name;
  std::string uuid;
  std::int64_t memory_bytes = 0;
  std::string driver_version;
  std::string runtime_version;
};

class Driver {
 public:
  Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  virtual ~Driver() = default;

  [[nodiscard]] virtual int n_devices() const = 0;
  [[nodiscard]] virtual DeviceFacts facts(int device) const = 0;
  // The device that holds `tensor`, checked: that its memory is the device's (or managed), that its
  // stream belongs to the same device and is not being captured into a graph, and that the program
  // left no error of its own behind. Errors: DeviceError.
  [[nodiscard]] virtual int check(const DeviceSpan& tensor) const = 0;
  [[nodiscard]] virtual std::unique_ptr<Workspace> make_workspace(int device) = 0;

  [[nodiscard]] virtual std::unique_ptr<Staging> make_staging(int device, std::size_t n_bytes) = 0;
};

// The driver of this build. Errors: DeviceError, "not compiled in" or why CUDA cannot work here.
[[nodiscard]] std::unique_ptr<Driver> make_driver();
[[nodiscard]] bool is_compiled_in() noexcept;

}  // namespace ranklog::gpu
