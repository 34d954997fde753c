// What the host logic needs of a device: launches that leave results in pinned memory and an event,
// and copies on a stream of their own. CUDA implements it; tests have an implementation of their
// own that can be slow or fail. All may throw DeviceError; nothing waits unless it says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "device/tensor_combine.hpp"
#include "device/tensor_statistics.hpp"
#include "ranklog/device.hpp"
#include "ranklog/provenance.hpp"

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

  // Queues one pass over up to max_tensors_per_launch tensors behind the work in `stream`; they
  // have no more blocks (blocks_for) than this was made for. Does not wait and does not allocate.
  virtual void launch(std::span<const DeviceSpan> tensors, DeviceStream stream) = 0;
  // Never waits. Errors: DeviceError if the device reported an error since the launch.
  [[nodiscard]] virtual bool is_done() = 0;
  // Waits. Errors: as is_done().
  virtual void wait() = 0;
  // Index = tensor. Only after is_done() said so.
  [[nodiscard]] virtual std::span<const TensorStatistics> results() const = 0;
};

// The same for the buckets of one tensor (core/sketch_buckets.hpp).
class Sketcher {
 public:
  Sketcher() = default;
  Sketcher(const Sketcher&) = delete;
  Sketcher& operator=(const Sketcher&) = delete;
  virtual ~Sketcher() = default;

  virtual void launch(const DeviceSpan& tensor) = 0;
  // Waits. Errors: DeviceError if the device reported an error since the launch.
  virtual void wait() = 0;
  // How many finite elements each bucket has. Only after wait().
  [[nodiscard]] virtual std::span<const std::uint64_t> counts() const = 0;
};

enum class StagingMemory : std::uint8_t { pinned, device };

// Three buffers of equal size: two sides, so that one is copied while the ranks work on the other,
// and one for what the other ranks send. Copies run in order on a stream of their own.
class Staging {
 public:
  static constexpr int received = 2;

  Staging() = default;
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  virtual ~Staging() = default;

  // What follows runs behind the work that is in `stream` now.
  virtual void begin(DeviceStream stream) = 0;
  // An address of the host for pinned memory, else of the device.
  [[nodiscard]] virtual std::byte* buffer(int which) = 0;
  virtual void start_load(int side, std::size_t offset, const void* device_data,
                          std::size_t n_bytes) = 0;
  virtual void start_store(int side, std::size_t offset, void* device_data,
                           std::size_t n_bytes) = 0;
  // Of device memory: combines the parts in buffer `received` into a side, behind what was started
  // before.
  virtual void combine(int side, std::size_t offset, const Combination& how) = 0;
  // Waits for the last copy of that side.
  virtual void wait(int side) = 0;
  // Waits for everything that was started.
  virtual void synchronize() = 0;
  [[nodiscard]] virtual DeviceStream stream() const = 0;
};

// Device memory goes from rank to rank without the host: NCCL. Collective on the ranks that made
// it; queued on `stream`.
class DeviceLink {
 public:
  DeviceLink() = default;
  DeviceLink(const DeviceLink&) = delete;
  DeviceLink& operator=(const DeviceLink&) = delete;
  virtual ~DeviceLink() = default;

  // As comm::Backend's calls of the same name.
  virtual void all_to_all(const void* send, void* receive, std::size_t n_bytes_each,
                          DeviceStream stream) = 0;
  virtual void all_gather_in_place(void* data, std::size_t n_bytes_each, DeviceStream stream) = 0;
};

class Driver {
 public:
  Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  virtual ~Driver() = default;

  [[nodiscard]] virtual int n_devices() const = 0;
  // Of the calling thread.
  [[nodiscard]] virtual int current_device() const = 0;
  virtual void make_current(int device) = 0;
  [[nodiscard]] virtual GpuInfo facts(int device) const = 0;
  // Errors: DeviceError if the program left an error of its own behind.
  virtual void check_no_error() const = 0;
  // The device that holds the memory. Errors: DeviceError unless it is a device's, or managed.
  [[nodiscard]] virtual int device_of(const void* data) const = 0;
  // Errors: DeviceError if the stream is another device's or is being captured into a graph.
  virtual void check_stream(DeviceStream stream, int device) const = 0;

  [[nodiscard]] virtual std::unique_ptr<Workspace> make_workspace(int device, int n_blocks) = 0;
  [[nodiscard]] virtual std::unique_ptr<Sketcher> make_sketcher(int device) = 0;
  [[nodiscard]] virtual std::unique_ptr<Staging> make_staging(int device, std::size_t n_bytes,
                                                              StagingMemory memory) = 0;
  // Errors: DeviceError where NCCL is not found.
  virtual void check_link() const = 0;
  // What one rank makes and all pass to make_link().
  [[nodiscard]] virtual std::vector<std::byte> make_link_id() = 0;
  // Collective on the ranks, waiting.
  [[nodiscard]] virtual std::unique_ptr<DeviceLink> make_link(std::span<const std::byte> id,
                                                              int n_ranks, int rank,
                                                              int device) = 0;
};

// All three checks; the device that holds `tensor`.
[[nodiscard]] inline int check(const Driver& driver, const DeviceSpan& tensor) {
  driver.check_no_error();
  const int device = driver.device_of(tensor.data);
  driver.check_stream(tensor.stream, device);
  return device;
}

// The driver of this build. Errors: DeviceError, "not compiled in" or why CUDA cannot work here.
[[nodiscard]] std::unique_ptr<Driver> make_driver();
[[nodiscard]] bool is_compiled_in() noexcept;

// What an Accelerator opens: make_driver(), or what a test of the front door has put in its place.
[[nodiscard]] std::unique_ptr<Driver> open_driver();
using DriverFactory = std::unique_ptr<Driver> (*)();
// Null: make_driver() again.
void set_driver_factory(DriverFactory factory) noexcept;

}  // namespace ranklog::gpu
