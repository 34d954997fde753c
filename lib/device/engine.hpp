// Reduces device tensors without waiting: submit() queues the passes and returns a ticket, whose
// results are there once the device has done the work.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "device/driver.hpp"

namespace ranklog::gpu {

class Engine;

// The statistics of the tensors of one submit(). Move-only. Destroying a ticket whose work is not
// done is allowed: its memory is used again only after the device has finished with it.
class Ticket {
 public:
  Ticket() = default;
  ~Ticket();
  Ticket(Ticket&& other) noexcept;
  Ticket& operator=(Ticket&& other) noexcept;

  // Never waits. Errors: DeviceError if the device failed; the results are lost then.
  [[nodiscard]] bool is_done();
  // Waits. Errors: as is_done().
  void wait();
  // Index = tensor of submit(). Only after is_done() or wait().
  [[nodiscard]] const TensorStatistics& result(std::size_t tensor) const;

 private:
  friend class Engine;
  Ticket(Engine& engine, std::size_t batch) : engine_(&engine), batch_(batch) {}
  Engine* engine_ = nullptr;
  std::size_t batch_ = 0;
};

// Thread safety: one thread at a time. Must outlive its tickets.
class Engine {
 public:
  explicit Engine(std::unique_ptr<Driver> driver) : driver_(std::move(driver)) {}

  // One launch for the tensors of each stream (and for each 32 of them). Does not synchronise, and
  // allocates only while more work is in flight than ever before.
  // Errors: DeviceError for what is wrong with a tensor; then nothing was queued.
  [[nodiscard]] Ticket submit(std::span<const DeviceSpan> tensors);

  [[nodiscard]] const Driver& driver() const noexcept { return *driver_; }
  [[nodiscard]] Driver& driver() noexcept { return *driver_; }
  // Workspaces made so far; for tests of the pool.
  [[nodiscard]] std::size_t n_workspaces() const noexcept { return workspaces_.size(); }

 private:
  friend class Ticket;
  struct PooledWorkspace {
    std::unique_ptr<Workspace> workspace;
    int device = 0;
    int capacity = 0;        // blocks of a launch
    bool is_leased = false;  // by a batch
    bool is_running = false;
  };
  struct Place {
    std::size_t workspace = 0;
    std::size_t index = 0;
  };
  struct Batch {
    std::vector<std::size_t> workspaces;
    std::vector<Place> places;  // index = tensor
    bool is_free = true;
  };

  [[nodiscard]] std::size_t lease_batch();
  [[nodiscard]] std::size_t lease_workspace(int device, int n_blocks);
  void launch_group(Batch& batch, std::span<const DeviceSpan> tensors, std::size_t first);
  [[nodiscard]] bool is_done(std::size_t batch);
  void wait(std::size_t batch);
  void release(std::size_t batch) noexcept;

  std::unique_ptr<Driver> driver_;
  std::vector<PooledWorkspace> workspaces_;
  std::vector<Batch> batches_;
  std::vector<int> device_of_;          // scratch of submit(), by tensor
  std::vector<DeviceSpan> one_stream_;  // scratch of launch_group()
  std::vector<std::size_t> group_;      // their places among the tensors
};

}  // namespace ranklog::gpu
