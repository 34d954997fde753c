#include "device/cuda/nccl_link.hpp"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>

#include "device/cuda/runtime.hpp"
#include "device/shared_library.hpp"
#include "ranklog/error.hpp"

namespace ranklog::gpu {
namespace {

// NCCL user guide 2.x, "API": the types and functions used here are the same in all of 2.x.
struct UniqueId {
  char internal[128];
};
using NcclComm = struct ncclComm*;
constexpr int nccl_success = 0;
constexpr int nccl_uint8 = 1;

struct Nccl {
  Nccl() {
    const SharedLibrary library("libnccl.so.2");
    library.find(get_unique_id, "ncclGetUniqueId");
    library.find(init_rank, "ncclCommInitRank");
    library.find(abort, "ncclCommAbort");
    library.find(error_string, "ncclGetErrorString");
    library.find(send, "ncclSend");
    library.find(receive, "ncclRecv");
    library.find(all_gather, "ncclAllGather");
    library.find(group_start, "ncclGroupStart");
    library.find(group_end, "ncclGroupEnd");
  }
  int (*get_unique_id)(UniqueId*) = nullptr;
  int (*init_rank)(NcclComm*, int, UniqueId, int) = nullptr;
  int (*abort)(NcclComm) = nullptr;
  const char* (*error_string)(int) = nullptr;
  int (*send)(const void*, std::size_t, int, int, NcclComm, cudaStream_t) = nullptr;
  int (*receive)(void*, std::size_t, int, int, NcclComm, cudaStream_t) = nullptr;
  int (*all_gather)(const void*, void*, std::size_t, int, NcclComm, cudaStream_t) = nullptr;
  int (*group_start)() = nullptr;
  int (*group_end)() = nullptr;

  void check(int code, const char* what) const {
    if (code == nccl_success) return;
    throw DeviceError(fmt::format("{} failed: {}", what, error_string(code)));
  }
};

const Nccl& nccl() {
  static const Nccl loaded;
  return loaded;
}

class NcclLink final : public DeviceLink {
 public:
  NcclLink(const UniqueId& id, int n_ranks, int rank, int device)
      : n_ranks_(n_ranks), rank_(rank), device_(device) {
    const CurrentDevice current(device_);
    nccl().check(nccl().init_rank(&comm_, n_ranks, id, rank), "ncclCommInitRank");
  }
  // Not ncclCommDestroy, which waits for the other ranks: nothing is under way between two calls.
  ~NcclLink() override { (void)nccl().abort(comm_); }

  void all_to_all(const void* send, void* receive, std::size_t n_bytes_each,
                  DeviceStream stream) override {
    const CurrentDevice current(device_);
    const auto* from = static_cast<const std::byte*>(send);
    auto* to = static_cast<std::byte*>(receive);
    nccl().check(nccl().group_start(), "ncclGroupStart");
    int failed = nccl_success;
    for (int r = 0; r < n_ranks_; ++r) {
      const std::size_t offset = static_cast<std::size_t>(r) * n_bytes_each;
      failed =
          std::max(failed, nccl().send(from + offset, n_bytes_each, nccl_uint8, r, comm_, stream));
      failed =
          std::max(failed, nccl().receive(to + offset, n_bytes_each, nccl_uint8, r, comm_, stream));
    }
    const int ended = nccl().group_end();  // also after a failure, or the next call is in the group
    nccl().check(std::max(failed, ended), "sending parts of a device tensor with NCCL");
  }
  void all_gather_in_place(void* data, std::size_t n_bytes_each, DeviceStream stream) override {
    const CurrentDevice current(device_);
    const auto* own =
        static_cast<std::byte*>(data) + static_cast<std::size_t>(rank_) * n_bytes_each;
    nccl().check(nccl().all_gather(own, data, n_bytes_each, nccl_uint8, comm_, stream),
                 "gathering a device tensor with NCCL");
  }

 private:
  int n_ranks_;
  int rank_;
  int device_;
  NcclComm comm_ = nullptr;
};

}  // namespace

void load_nccl() { (void)nccl(); }

std::vector<std::byte> make_nccl_id() {
  UniqueId id{};
  nccl().check(nccl().get_unique_id(&id), "ncclGetUniqueId");
  const auto bytes = std::as_bytes(std::span(id.internal));
  return {bytes.begin(), bytes.end()};
}

std::unique_ptr<DeviceLink> make_nccl_link(std::span<const std::byte> id, int n_ranks, int rank,
                                           int device) {
  UniqueId unique{};
  if (id.size() != sizeof unique.internal) throw DeviceError("an NCCL id has another length");
  std::copy(id.begin(), id.end(), std::as_writable_bytes(std::span(unique.internal)).begin());
  return std::make_unique<NcclLink>(unique, n_ranks, rank, device);
}

}  // namespace ranklog::gpu
