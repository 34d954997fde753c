// Whole device tensors: reduce, gather and distributions over the ranks, and which GPU a rank uses.
// See docs/design/0012-device-tensors.md.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "accelerator/tensor_route.hpp"
#include "device/driver.hpp"
#include "ranklog/communicator.hpp"
#include "ranklog/distribution.hpp"
#include "ranklog/reduction.hpp"

namespace ranklog {

class PendingDistribution::Impl {
 public:
  std::unique_ptr<gpu::Workspace> statistics;  // null for a tensor without elements
  std::unique_ptr<gpu::Sketcher> sketch;
  int device = -1;
};

class DeviceTensors {
 public:
  static constexpr std::size_t default_chunk_bytes = std::size_t{16} << 20U;

  using MakeDriver = std::function<std::unique_ptr<gpu::Driver>()>;
  // `comm` must outlive this. The driver is made when it is first needed.
  DeviceTensors(const Communicator& comm, DevicePath wanted, MakeDriver make_driver,
                std::size_t chunk_bytes = default_chunk_bytes);

  // Local. The GPU of that rank of the node becomes the thread's current one; its number.
  int select(int node_rank);
  // Local. The GPU that is current on this thread; none where there is no GPU or no CUDA.
  [[nodiscard]] std::optional<int> current_device();
  [[nodiscard]] std::optional<GpuInfo> current_gpu();

  // Collective: takes the choice of the path before the first tensor, where another than `staged`
  // is wanted and every rank has a GPU. Errors, on all ranks alike: UsageError if they want
  // different paths.
  void choose_early();
  // What was chosen: "staged: the default".
  [[nodiscard]] std::string describe_path() const;

  // As Accelerator's.
  void reduce(const DeviceSpan& values, const DeviceBuffer& result, Reduction reduction,
              double scale);
  std::size_t gather(const DeviceSpan& values, const DeviceBuffer& result);
  [[nodiscard]] PendingDistribution start_distribution(const DeviceSpan& values);
  [[nodiscard]] Distribution finish_distribution(PendingDistribution pending);

 private:
  [[nodiscard]] gpu::Driver& driver();
  [[nodiscard]] int check(const DeviceSpan& values, const DeviceBuffer& result);
  void check_same_wish() const;  // collective
  // Collective. Chooses again if the tensors of some rank are on another device than before.
  void take_route(int device);
  void reduce_chunks(const DeviceSpan& values, const DeviceBuffer& result,
                     const gpu::Combination& how);
  void gather_chunks(const DeviceSpan& values, const DeviceBuffer& result,
                     const std::vector<std::size_t>& n_of_rank);

  const Communicator& comm_;
  DevicePath wanted_;
  MakeDriver make_driver_;
  std::size_t chunk_bytes_;
  std::unique_ptr<gpu::Driver> driver_;
  std::string no_driver_;  // why there is none
  TensorRoute route_;
  std::vector<PendingDistribution> free_passes_;
};

}  // namespace ranklog
