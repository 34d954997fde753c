// Marks functions that the device runs too: plain functions for a C++ compiler, host and device
// code for nvcc.
#pragma once

#if defined(__CUDACC__)
#define RANKLOG_DEVICE_CODE __host__ __device__ __forceinline__
#else
#define RANKLOG_DEVICE_CODE inline
#endif
