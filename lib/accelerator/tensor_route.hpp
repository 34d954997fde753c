// The way that whole device tensors take between the ranks: buffers, and how the parts in them get
// to the other ranks. Chosen once, by all ranks together.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "device/driver.hpp"
#include "ranklog/communicator.hpp"

namespace ranklog {

// Moves equal parts between buffers of the ranks' stagings. Collective, waiting or queued on the
// staging's stream. If it throws, it has still met the other ranks, where MPI lets it.
class TensorMover {
 public:
  TensorMover() = default;
  TensorMover(const TensorMover&) = delete;
  TensorMover& operator=(const TensorMover&) = delete;
  virtual ~TensorMover() = default;

  // Combines what all_to_all() brought into a side.
  virtual void combine(gpu::Staging& staging, int side, std::size_t offset,
                       const gpu::Combination& how) = 0;
  // From a side to the buffer `received`.
  virtual void all_to_all(gpu::Staging& staging, int side, std::size_t n_bytes_each) = 0;
  virtual void all_gather(gpu::Staging& staging, int side, std::size_t n_bytes_each) = 0;
};

struct TensorRoute {
  DevicePath path = DevicePath::staged;
  std::string reason;  // why this one
  int device = -1;
  std::unique_ptr<gpu::Staging> staging;
  std::unique_ptr<TensorMover> mover;
};

// Collective, waiting. Takes `wanted` if it can be taken on all ranks and a reduction of small and
// of long parts by it gives what it should; else `staged`, with the reason. `device` may differ
// from rank to rank. Errors, on all ranks alike: DeviceError if not even that can be made.
[[nodiscard]] TensorRoute choose_route(const Communicator& comm, DevicePath wanted,
                                       gpu::Driver& driver, int device, std::size_t buffer_bytes);

}  // namespace ranklog
