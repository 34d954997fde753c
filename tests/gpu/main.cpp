// Runs the tests that need a GPU, or says why it cannot (exit status 77: skipped).
#define DOCTEST_CONFIG_IMPLEMENT
#include <cuda_runtime_api.h>
#include <doctest/doctest.h>

#include <cstdio>

int main(int argc, char** argv) {
  int n_devices = 0;
  const cudaError_t code = cudaGetDeviceCount(&n_devices);
  if (code != cudaSuccess || n_devices == 0) {
    std::printf("skipped: no GPU: %s\n",
                code == cudaSuccess ? "CUDA finds no device" : cudaGetErrorString(code));
    return 77;
  }
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, 0) == cudaSuccess) {
    std::printf("on %s\n", properties.name);
  }
  doctest::Context context(argc, argv);
  return context.run();
}
