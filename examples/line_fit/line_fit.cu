#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

#include "line_fit/line_fit.hpp"

namespace {

constexpr int sample_count = 4096;
constexpr int threads = 256;

void check(cudaError_t code) {
  if (code != cudaSuccess) throw std::runtime_error(cudaGetErrorString(code));
}

// Sample i of a rank: x spread over [-1, 1), y = 3 x + 1, with a little that differs by seed.
__device__ float x_of(int i) { return 2.0F * static_cast<float>(i) / sample_count - 1.0F; }
__device__ float y_of(int i, int seed) {
  const float wobble = static_cast<float>((i * 31 + seed * 17) % 101) / 101.0F - 0.5F;
  return 3.0F * x_of(i) + 1.0F + 0.1F * wobble;
}

// line[0] is the slope, line[1] the offset.
__global__ void losses_and_gradient(const float* line, float* losses, float* gradient, int seed) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const float error = line[0] * x_of(i) + line[1] - y_of(i, seed);
  losses[i] = error * error;
  atomicAdd(&gradient[0], 2 * error * x_of(i) / sample_count);
  atomicAdd(&gradient[1], 2 * error / sample_count);
}

__global__ void descend(float* line, float* gradient) {
  const int i = static_cast<int>(threadIdx.x);
  line[i] -= 0.1F * gradient[i];
  gradient[i] = 0;
}

}  // namespace

struct LineFit::State {
  int seed = 0;
  cudaStream_t stream = nullptr;
  float* line = nullptr;  // slope, offset, and their gradient
  float* losses = nullptr;
};

const char* LineFit::what_is_missing() {
  int n_devices = 0;
  const bool has_device = cudaGetDeviceCount(&n_devices) == cudaSuccess && n_devices > 0;
  return has_device ? nullptr : "there is no GPU here; run it on a node that has one";
}

LineFit::LineFit(int seed) : state_(std::make_unique<State>()) {
  state_->seed = seed;
  check(cudaStreamCreateWithFlags(&state_->stream, cudaStreamNonBlocking));
  check(cudaMalloc(reinterpret_cast<void**>(&state_->line), 4 * sizeof(float)));
  check(cudaMemsetAsync(state_->line, 0, 4 * sizeof(float), state_->stream));
  check(cudaMalloc(reinterpret_cast<void**>(&state_->losses), sample_count * sizeof(float)));
}

LineFit::~LineFit() {
  (void)cudaFree(state_->losses);
  (void)cudaFree(state_->line);
  (void)cudaStreamDestroy(state_->stream);
}

void LineFit::step() {
  float* gradient = state_->line + 2;
  losses_and_gradient<<<sample_count / threads, threads, 0, state_->stream>>>(
      state_->line, state_->losses, gradient, state_->seed);
  descend<<<1, 2, 0, state_->stream>>>(state_->line, gradient);
  check(cudaGetLastError());
}

const float* LineFit::losses() const { return state_->losses; }
std::size_t LineFit::n_samples() const { return sample_count; }
const float* LineFit::slope() const { return state_->line; }
CUstream_st* LineFit::stream() const { return state_->stream; }
