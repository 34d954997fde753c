// The kernel that counts the elements of a tensor in buckets.
#pragma once

#include <cuda_runtime_api.h>

#include "ranklog/device.hpp"

namespace ranklog::gpu {

// Adds to `counts`, sketch::n_buckets of them on the device, on the tensor's stream.
[[nodiscard]] cudaError_t launch_sketch(const DeviceSpan& tensor, unsigned long long* counts);

}  // namespace ranklog::gpu
