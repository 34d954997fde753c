// Who ran what, where: collected once per run, when the trackers start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ranklog/config.hpp"

namespace ranklog {

// The GPU that a process uses.
struct GpuInfo {
  std::string name;
  std::string uuid;  // as nvidia-smi prints it
  std::int64_t memory_bytes = 0;
  std::string driver_version;  // newest CUDA that the driver supports
  std::string runtime_version;
};

// One process of the job.
struct RankInfo {
  std::int32_t world_rank = 0;  // rank in MPI_COMM_WORLD
  std::int32_t node_rank = 0;   // rank among the processes of the same host
  std::string host;
  std::int64_t pid = 0;
  std::string device;  // "cpu", or "cuda:" and the number of the GPU in use
  GpuInfo gpu = {};    // empty for "cpu"
};

struct Provenance {
  // Flat facts under Adiak's names (user, launchdate, executable, cmdline, hostlist, numhosts,
  // jobsize, mpi_version, ...), then the scheduler's variables and the git commit. Facts that
  // could not be found are left out. Never holds a variable whose name hints at a secret.
  Config facts;
  std::vector<RankInfo> ranks;  // index = rank in the run's communicator
};

}  // namespace ranklog
