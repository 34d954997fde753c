#include <cuda_runtime_api.h>
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <ranklog/memory_tracker.hpp>
#include <ranklog/ranklog.hpp>
#include <ranklog/testing.hpp>
#include <span>
#include <vector>

#include "accelerator/device_tensors.hpp"
#include "core/sketch_buckets.hpp"
#include "device/tensor_combine.hpp"

using ranklog::Communicator;
using ranklog::device;
using ranklog::DeviceElement;
using ranklog::Reduction;
using ranklog::gpu::StagingMemory;

namespace {

template <class T>
class OnDevice {
 public:
  explicit OnDevice(const std::vector<T>& values) : n_(values.size()) {
    REQUIRE(cudaMalloc(reinterpret_cast<void**>(&data_), n_ * sizeof(T)) == cudaSuccess);
    REQUIRE(cudaMemcpy(data_, values.data(), n_ * sizeof(T), cudaMemcpyHostToDevice) ==
            cudaSuccess);
  }
  ~OnDevice() { (void)cudaFree(data_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::vector<T> copy() const {
    std::vector<T> values(n_);
    REQUIRE(cudaMemcpy(values.data(), data_, n_ * sizeof(T), cudaMemcpyDeviceToHost) ==
            cudaSuccess);
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t n_;
};

std::vector<float> random_floats(int rank, std::size_t n) {
  std::mt19937 random(static_cast<unsigned>(rank) + 1);
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> values(n);
  for (auto& value : values) value = normal(random);
  return values;
}

}  // namespace

TEST_CASE("ranks that share a GPU reduce and gather whole tensors to the bits of host memory") {
  for (const int n_ranks : {1, 2, 4}) {
    ranklog::testing::run_ranks(n_ranks, [&](Communicator comm) {
      ranklog::DeviceTensors tensors(comm, ranklog::DevicePath::staged, ranklog::gpu::make_driver,
                                     1U << 16U);
      constexpr std::size_t n = 100'003;
      const auto values = random_floats(comm.rank(), n);
      const OnDevice<float> from(values), to(std::vector<float>(n, -1));
      const OnDevice<float> all(std::vector<float>(n * static_cast<std::size_t>(n_ranks), -1));
      tensors.reduce(device(from.data(), n), device(to.data(), n), Reduction::sum, 1);
      const auto expected = ranklog::collectives::reduce(comm, values, Reduction::sum);
      REQUIRE(std::memcmp(to.copy().data(), expected.data(), n * sizeof(float)) == 0);
      const std::size_t n_all = n * static_cast<std::size_t>(n_ranks);
      REQUIRE(tensors.gather(device(from.data(), n), device(all.data(), n_all)) == n_all);
      REQUIRE(all.copy() == ranklog::collectives::gather(comm, values));
    });
  }
}

TEST_CASE("the device combines the ranks' parts to the bits of the host, for every type") {
  const auto driver = ranklog::gpu::make_driver();
  constexpr std::size_t n_bytes = 1U << 20U;
  const auto there = driver->make_staging(0, n_bytes, StagingMemory::device);
  std::mt19937_64 random(9);
  std::vector<std::uint64_t> parts(n_bytes / 8);
  for (auto& part : parts) part = random();  // any bits: NaN and infinities are among them
  for (const auto element :
       {DeviceElement::f64, DeviceElement::f32, DeviceElement::f16, DeviceElement::bf16,
        DeviceElement::i64, DeviceElement::i32, DeviceElement::u8}) {
    for (const auto by : {Reduction::sum, Reduction::mean, Reduction::min, Reduction::max,
                          Reduction::any, Reduction::all}) {
      CAPTURE(ranklog::to_string(element));
      CAPTURE(ranklog::to_string(by));
      const auto n_each = static_cast<std::int64_t>(n_bytes / ranklog::bytes_of(element) / 4);
      const ranklog::gpu::Combination how{element, by, 0.75, 4, n_each};
      REQUIRE(cudaMemcpy(there->buffer(ranklog::gpu::Staging::received), parts.data(), n_bytes,
                         cudaMemcpyHostToDevice) == cudaSuccess);
      there->combine(0, 0, how);
      there->synchronize();
      std::vector<std::byte> found(n_bytes / 4), expected(n_bytes / 4);
      REQUIRE(cudaMemcpy(found.data(), there->buffer(0), found.size(), cudaMemcpyDeviceToHost) ==
              cudaSuccess);
      ranklog::gpu::combine_on_host(parts.data(), expected.data(), how);
      CHECK(found == expected);
    }
  }
}

TEST_CASE("the device counts every element in the bucket that the host puts it in") {
  const auto driver = ranklog::gpu::make_driver();
  const auto sketcher = driver->make_sketcher(0);
  auto values = random_floats(3, 1'000'003);
  values[5] = std::nanf("");
  values[6] = INFINITY;
  const OnDevice<float> there(values);
  for (int repetition = 0; repetition < 2; ++repetition) {
    sketcher->launch(device(there.data(), values.size()));
    sketcher->wait();
    std::vector<std::uint64_t> expected(ranklog::sketch::n_buckets);
    for (const float x : values) {
      if (std::isfinite(x)) {
        ++expected[static_cast<std::size_t>(ranklog::sketch::bucket_of(static_cast<double>(x)))];
      }
    }
    const auto found = sketcher->counts();
    CHECK(std::vector<std::uint64_t>(found.begin(), found.end()) == expected);
  }
}

TEST_CASE("what ranks that share a GPU log of it is what they log of the same host memory") {
  for (const int n_ranks : {1, 2, 4}) {
    auto tracker = std::make_shared<ranklog::MemoryTracker>();
    ranklog::testing::run_ranks(n_ranks, [&](Communicator comm) {
      const int rank = comm.rank();
      ranklog::Accelerator accelerator({.log_with = {tracker}, .communicator = std::move(comm)});
      REQUIRE(accelerator.select_device() >= 0);
      accelerator.init_trackers("gpu");
      const auto values = random_floats(rank, 5000);
      const OnDevice<float> there(values);
      for (int step = 0; step < 20; ++step) {
        accelerator.log({{"there", device(there.data(), values.size())},
                         {"here", std::span<const float>(values)}},
                        step);
      }
      accelerator.end_training();
    });
    const auto records = tracker->records();
    REQUIRE(records.size() == 20);
    for (const auto& record : records) {
      const auto& there = record.find("there")->statistics;
      const auto& here = record.find("here")->statistics;
      CHECK(there.count == here.count);
      CHECK(there.min == here.min);
      CHECK(there.max == here.max);
      CHECK(there.max_rank == here.max_rank);
      CHECK(there.mean == doctest::Approx(here.mean).epsilon(1e-12));
      CHECK(there.std == doctest::Approx(here.std).epsilon(1e-12));
    }
  }
}
