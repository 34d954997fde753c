// Statistics of 2^28 floats against the card's own copy of as many bytes, and what log() of eight
// device scalars costs the host. Prints JSON; exits 77 where there is no GPU.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <ranklog/memory_tracker.hpp>
#include <ranklog/ranklog.hpp>
#include <string>
#include <vector>

#include "device/engine.hpp"
#include "gpu/cuda.hpp"

namespace {

using namespace ranklog::bench;

constexpr std::size_t n_elements = std::size_t{1} << 28U;
constexpr int n_repetitions = 20;

// The shortest of several runs, in seconds, by the device's own clock.
template <class Queue>
double shortest_s(Queue queue) {
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  check(cudaEventCreate(&begin));
  check(cudaEventCreate(&end));
  float shortest_ms = 1e30F;
  for (int i = 0; i < n_repetitions; ++i) {
    check(cudaEventRecord(begin));
    queue();
    check(cudaEventRecord(end));
    check(cudaEventSynchronize(end));
    float elapsed_ms = 0;
    check(cudaEventElapsedTime(&elapsed_ms, begin, end));
    shortest_ms = std::min(shortest_ms, elapsed_ms);
  }
  return static_cast<double>(shortest_ms) * 1e-3;
}

nlohmann::ordered_json bandwidths(bool& is_correct) {
  float* from = nullptr;
  float* to = nullptr;
  const std::size_t n_bytes = n_elements * sizeof(float);
  check(cudaMalloc(reinterpret_cast<void**>(&from), n_bytes));
  check(cudaMalloc(reinterpret_cast<void**>(&to), n_bytes));
  check(cudaMemset(from, 0x3F, n_bytes));  // every float is 0x3F3F3F3F
  // A copy reads and writes each byte.
  const double copy_s = shortest_s(
      [&] { check(cudaMemcpyAsync(to, from, n_bytes, cudaMemcpyDeviceToDevice, nullptr)); });
  ranklog::gpu::Engine engine(ranklog::gpu::make_driver());
  const ranklog::DeviceSpan tensor[] = {ranklog::device(from, n_elements)};
  ranklog::gpu::Ticket ticket;
  const double statistics_s = shortest_s([&] { ticket = engine.submit(tensor); });
  ticket.wait();
  is_correct = ticket.result(0).n_finite == static_cast<std::int64_t>(n_elements) &&
               ticket.result(0).min == ticket.result(0).max && ticket.result(0).m2 == 0;
  check(cudaFree(to));
  check(cudaFree(from));
  const double copied = 2.0 * static_cast<double>(n_bytes) / copy_s;
  const double scanned = static_cast<double>(n_bytes) / statistics_s;
  return {{"copy_bytes_per_s", copied},
          {"statistics_bytes_per_s", scanned},
          {"statistics / copy", scanned / copied}};
}

double log_of_eight_scalars_s(bool& is_correct) {
  constexpr int n_batches = 40;
  constexpr int n_steps = 500;  // fewer than wait for the device, were it slow
  float* values = nullptr;
  check(cudaMalloc(reinterpret_cast<void**>(&values), 8 * sizeof(float)));
  check(cudaMemset(values, 0, 8 * sizeof(float)));
  auto tracker = std::make_shared<ranklog::MemoryTracker>();
  ranklog::Accelerator accelerator({.log_with = {tracker}});
  accelerator.init_trackers("bench");
  std::vector<ranklog::Item> items;
  const std::string keys[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
  for (std::size_t i = 0; i < 8; ++i) items.emplace_back(keys[i], ranklog::device(values + i, 1));
  std::vector<double> batches_s;  // of log() alone, not of the flush behind it
  for (int batch = 0; batch < n_batches; ++batch) {
    const auto start = std::chrono::steady_clock::now();
    for (int step = 0; step < n_steps; ++step) accelerator.log(items, batch * n_steps + step);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    batches_s.push_back(elapsed.count() / n_steps);
    accelerator.flush();
  }
  accelerator.end_training();
  is_correct = is_correct && tracker->records().size() == n_batches * n_steps;
  check(cudaFree(values));
  // The first ones make the pools.
  std::nth_element(batches_s.begin(), batches_s.begin() + n_batches / 2, batches_s.end());
  return batches_s[n_batches / 2];
}

}  // namespace

int main() {
  if (!has_gpu()) return no_gpu_status;
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, 0));
  bool is_correct = true;
  nlohmann::ordered_json report{{"program", "device_statistics"}, {"gpu", properties.name}};
  report["bandwidth"] = bandwidths(is_correct);
  report["log_of_8_device_scalars_s"] = log_of_eight_scalars_s(is_correct);
  report["is_correct"] = is_correct;
  std::puts(report.dump(2).c_str());
  return is_correct ? 0 : 1;
}
