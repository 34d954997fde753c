#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <ranklog/memory_tracker.hpp>
#include <ranklog/ranklog.hpp>
#include <span>
#include <thread>
#include <vector>

#include "device/engine.hpp"
#include "unit/fake_device.hpp"

using ranklog::DeviceElement;
using ranklog::DeviceSpan;
using ranklog::DeviceStream;

namespace {

// Device memory with a copy of host values.
class OnDevice {
 public:
  explicit OnDevice(const std::vector<std::byte>& bytes) {
    REQUIRE(cudaMalloc(&data_, bytes.size()) == cudaSuccess);
    REQUIRE(cudaMemcpy(data_, bytes.data(), bytes.size(), cudaMemcpyHostToDevice) == cudaSuccess);
  }
  ~OnDevice() { (void)cudaFree(data_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  [[nodiscard]] const void* data() const { return data_; }

 private:
  void* data_ = nullptr;
};

// Random elements of a type: any bit pattern for narrow ones, so that NaN and infinities are there.
std::vector<std::byte> random_elements(std::mt19937_64& random, DeviceElement element,
                                       std::size_t n) {
  std::vector<std::byte> bytes(n * ranklog::bytes_of(element));
  std::normal_distribution<double> normal(1, 3);
  for (std::size_t i = 0; i < n; ++i) {
    std::byte* to = bytes.data() + i * ranklog::bytes_of(element);
    if (element == DeviceElement::f64) {
      const double x = normal(random);
      std::memcpy(to, &x, sizeof x);
    } else if (element == DeviceElement::f32) {
      const auto x = static_cast<float>(normal(random));
      std::memcpy(to, &x, sizeof x);
    } else {
      const std::uint64_t x = random();
      std::memcpy(to, &x, ranklog::bytes_of(element));
    }
  }
  return bytes;
}

bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

struct Stream {
  cudaStream_t stream = nullptr;
  Stream() { REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess); }
  ~Stream() { (void)cudaStreamDestroy(stream); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
};

// Keeps a stream busy until it is opened, or for ten seconds, so that a call which waits for the
// stream fails the test instead of hanging it.
class Gate {
 public:
  void close(cudaStream_t stream) {
    const auto wait = [](void* is_open) {
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      while (!static_cast<std::atomic<bool>*>(is_open)->load()) {
        if (std::chrono::steady_clock::now() > end) return;
        std::this_thread::yield();
      }
    };
    REQUIRE(cudaLaunchHostFunc(stream, wait, &is_open_) == cudaSuccess);
  }
  void open() { is_open_ = true; }

 private:
  std::atomic<bool> is_open_ = false;
};

}  // namespace

TEST_CASE(
    "the device finds what the same code finds on the host, for 1,000 random tensors a type") {
  std::mt19937_64 random(5);
  ranklog::gpu::Engine engine(ranklog::gpu::make_driver());
  for (const auto element :
       {DeviceElement::f64, DeviceElement::f32, DeviceElement::f16, DeviceElement::bf16,
        DeviceElement::i64, DeviceElement::i32, DeviceElement::u8}) {
    for (int trial = 0; trial < 1000; ++trial) {
      const std::size_t n = 1 + random() % (trial % 100 == 0 ? 300000 : 3000);
      const auto bytes = random_elements(random, element, n);
      const OnDevice there(bytes);
      const DeviceSpan tensor[] = {{there.data(), n, element, nullptr}};
      auto ticket = engine.submit(tensor);
      ticket.wait();
      const auto& found = ticket.result(0);
      const auto expected =
          ranklog::testing::statistics_on_host({bytes.data(), n, element, nullptr});
      CAPTURE(ranklog::to_string(element));
      CAPTURE(n);
      CHECK(found.n_finite == expected.n_finite);
      CHECK(found.n_nan == expected.n_nan);
      CHECK(found.first_nan_index == expected.first_nan_index);
      CHECK(found.min_index == expected.min_index);
      CHECK(found.max_index == expected.max_index);
      CHECK(found.integer_sum_low == expected.integer_sum_low);
      CHECK(found.integer_sum_high == expected.integer_sum_high);
      if (expected.min_index >= 0) {
        CHECK(same_bits(found.min, expected.min));
        CHECK(same_bits(found.max, expected.max));
      }
      // Fused multiply-add rounds once where the host rounds twice.
      CHECK(std::abs(found.sum - expected.sum) <=
            1e-13 * static_cast<double>(n) *
                std::max(std::abs(expected.min), std::abs(expected.max)));
      if (expected.m2 < 1e300) {
        CHECK(found.m2 == doctest::Approx(expected.m2).epsilon(1e-11));
      }
    }
  }
}

TEST_CASE("CUDA's own types of half precision are taken") {
  const __half narrow[] = {__float2half(1.5F), __float2half(2.5F)};
  const __nv_bfloat16 brain[] = {__float2bfloat16(3.0F)};
  OnDevice halves(
      {std::as_bytes(std::span(narrow)).begin(), std::as_bytes(std::span(narrow)).end()});
  OnDevice bfloats(
      {std::as_bytes(std::span(brain)).begin(), std::as_bytes(std::span(brain)).end()});
  ranklog::gpu::Engine engine(ranklog::gpu::make_driver());
  const DeviceSpan tensors[] = {
      ranklog::device(static_cast<const __half*>(halves.data()), 2),
      ranklog::device(static_cast<const __nv_bfloat16*>(bfloats.data()), 1)};
  auto ticket = engine.submit(tensors);
  ticket.wait();
  CHECK(ticket.result(0).mean == 2);
  CHECK(ticket.result(1).mean == 3);
}

TEST_CASE("log returns while the stream is still busy, and the value arrives later") {
  const Stream stream;
  Gate gate;
  float* host = nullptr;  // pinned: a copy from other memory may wait for the stream
  REQUIRE(cudaHostAlloc(reinterpret_cast<void**>(&host), sizeof *host, 0) == cudaSuccess);
  float* there = nullptr;
  REQUIRE(cudaMalloc(reinterpret_cast<void**>(&there), sizeof *there) == cudaSuccess);
  *host = 42;
  auto tracker = std::make_shared<ranklog::MemoryTracker>();
  ranklog::Accelerator accelerator({.log_with = {tracker}});
  accelerator.init_trackers("gpu");
  accelerator.log({{"loss", ranklog::device(there, 1, stream.stream)}}, 0);  // loads the kernel
  accelerator.flush();
  gate.close(stream.stream);
  REQUIRE(cudaMemcpyAsync(there, host, sizeof *host, cudaMemcpyHostToDevice, stream.stream) ==
          cudaSuccess);
  for (int step = 1; step <= 3; ++step) {
    accelerator.log({{"loss", ranklog::device(there, 1, stream.stream)}}, step);
  }
  CHECK(cudaStreamQuery(stream.stream) == cudaErrorNotReady);  // log() is back, the stream is not
  (void)cudaGetLastError();
  gate.open();
  accelerator.flush();
  accelerator.end_training();
  const auto records = tracker->records();
  REQUIRE(records.size() == 4);
  for (std::size_t i = 1; i < 4; ++i) CHECK(records[i].find("loss")->value == 42);
  (void)cudaFree(there);
  (void)cudaFreeHost(host);
}

TEST_CASE("host memory and an error of the program are refused and left as they are") {
  ranklog::gpu::Engine engine(ranklog::gpu::make_driver());
  const std::vector<float> host{1, 2};
  const DeviceSpan tensor[] = {ranklog::device(host.data(), host.size())};
  CHECK_THROWS_AS((void)engine.submit(tensor), ranklog::DeviceError);
  CHECK(cudaPeekAtLastError() == cudaSuccess);

  CHECK(cudaSetDevice(12345) != cudaSuccess);  // the host's own mistake
  CHECK_THROWS_AS((void)engine.submit(tensor), ranklog::DeviceError);
  CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
}
