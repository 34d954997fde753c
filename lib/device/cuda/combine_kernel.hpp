// The kernel of reduce() where the ranks' parts are on the device.
#pragma once

#include <cuda_runtime_api.h>

#include "device/tensor_combine.hpp"

namespace ranklog::gpu {

// `parts` and `result` are device memory, aligned to the element.
[[nodiscard]] cudaError_t launch_combine(const void* parts, void* result, const Combination& how,
                                         cudaStream_t stream);

}  // namespace ranklog::gpu
