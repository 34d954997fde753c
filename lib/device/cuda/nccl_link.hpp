// NCCL as a way from device to device, loaded at run time.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "device/driver.hpp"

namespace ranklog::gpu {

// As Driver's calls of the same purpose. Errors: DeviceError, also where libnccl.so.2 is not found.
void load_nccl();
[[nodiscard]] std::vector<std::byte> make_nccl_id();
[[nodiscard]] std::unique_ptr<DeviceLink> make_nccl_link(std::span<const std::byte> id, int n_ranks,
                                                         int rank, int device);

}  // namespace ranklog::gpu
