// Collects who runs what, where, once per run.
#pragma once

#include <optional>
#include <string_view>

#include "ranklog/communicator.hpp"
#include "ranklog/provenance.hpp"

namespace ranklog::provenance {

// The GPU of this rank.
struct DeviceInUse {
  int number = 0;  // as CUDA counts them in this process
  GpuInfo gpu;
};

// Collective on `comm`: one gather. Rank 0 gets everything, the others an empty result. `label`
// names the group of ranks and may be empty; `node_rank` is this rank's rank in
// comm.split_by_node(). No process is started, no network is used, and what is read is bounded.
[[nodiscard]] Provenance collect(const Communicator& comm, std::string_view label, int node_rank,
                                 const std::optional<DeviceInUse>& device = std::nullopt);

// The same for a caller that has not split the communicator: a second collective call.
[[nodiscard]] Provenance collect(const Communicator& comm, std::string_view label);

}  // namespace ranklog::provenance
