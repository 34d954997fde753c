#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <ranklog/memory_tracker.hpp>
#include <ranklog/ranklog.hpp>
#include <ranklog/testing.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "unit/fake_device.hpp"

using ranklog::Accelerator;
using ranklog::Communicator;
using ranklog::device;
using ranklog::DeviceError;
using ranklog::MemoryTracker;
using ranklog::testing::FakeDevice;
using ranklog::testing::FakeDriver;
using ranklog::testing::run_ranks;

namespace {

// Every rank is a thread: its Accelerator's first driver is for the FakeDevice of that thread.
thread_local std::shared_ptr<FakeDevice> gpu_of_rank;

class FakeGpus {
 public:
  FakeGpus() {
    ranklog::gpu::set_driver_factory([]() -> std::unique_ptr<ranklog::gpu::Driver> {
      if (!gpu_of_rank) throw DeviceError("there is no usable GPU on this rank");
      return std::make_unique<FakeDriver>(gpu_of_rank);
    });
  }
  ~FakeGpus() { ranklog::gpu::set_driver_factory(nullptr); }
  FakeGpus(const FakeGpus&) = delete;
  FakeGpus& operator=(const FakeGpus&) = delete;
};

// What rank 0's tracker got from `log_step(accelerator, step)` on every rank: a text for each row,
// sorted, because blocks of rows and single rows may overtake each other.
template <class F>
std::vector<std::string> logged(int n_ranks, int n_steps, F log_step) {
  auto tracker = std::make_shared<MemoryTracker>();
  run_ranks(n_ranks, [&](Communicator comm) {
    gpu_of_rank = std::make_shared<FakeDevice>();
    Accelerator accelerator(
        {.log_with = {tracker}, .communicator = std::move(comm), .window_rows = 5});
    accelerator.init_trackers("device");
    for (int step = 0; step < n_steps; ++step) log_step(accelerator, step);
    accelerator.end_training();
  });
  std::vector<std::string> lines;
  for (const auto& record : tracker->records()) {
    std::string line = std::to_string(record.row_step);
    for (const auto& metric : record.metrics) {
      line += fmt::format(" {}={}/{}..{}@{}", metric.key(), metric.value, metric.statistics.count,
                          metric.statistics.max, metric.statistics.max_rank);
    }
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace

TEST_CASE("rows with device tensors are recorded as those with the same host values") {
  const FakeGpus gpus;
  for (const int n_ranks : {1, 2, 4}) {
    for (const int n_slow : {0, 3, 40}) {  // how many steps the device is behind
      CAPTURE(n_ranks);
      CAPTURE(n_slow);
      std::vector<std::vector<double>> values;  // index: rank
      for (int r = 0; r < n_ranks; ++r) values.push_back({static_cast<double>(r), 8.0});
      const auto of = [&](const Accelerator& a) -> const std::vector<double>& {
        return values[static_cast<std::size_t>(a.process_index())];
      };
      const auto there = logged(n_ranks, 60, [&](Accelerator& a, int step) {
        const auto& x = of(a);
        gpu_of_rank->is_slow = n_slow > 0 && step % n_slow != n_slow - 1;
        if (step % 4 != 3) a.log({{"x", device(x.data(), x.size())}, {"y", step * 1.5}}, step);
        if (step % 4 == 3) a.log({{"y", step * 1.5}}, step);
        a.log({{"z", 2.0 * step}}, step);
      });
      const auto here = logged(n_ranks, 60, [&](Accelerator& a, int step) {
        const auto& x = of(a);
        if (step % 4 != 3) a.log({{"x", std::span<const double>(x)}, {"y", step * 1.5}}, step);
        if (step % 4 == 3) a.log({{"y", step * 1.5}}, step);
        a.log({{"z", 2.0 * step}}, step);
      });
      REQUIRE(there.size() == 120);
      REQUIRE(there == here);
    }
  }
}

TEST_CASE("a device value that cannot be used throws on its rank alone, and the others go on") {
  const FakeGpus gpus;
  const std::vector<float> x{1, 2};
  const auto lines = logged(3, 10, [&](Accelerator& a, int step) {
    if (a.process_index() == 1) gpu_of_rank->check_error = "0x10 is not device memory";
    try {
      a.log({{"x", device(x.data(), 2)}}, step);
      REQUIRE(a.process_index() != 1);
    } catch (const DeviceError& error) {
      REQUIRE(a.process_index() == 1);
      REQUIRE(std::string(error.what()).find("log() on rank 1") == 0);
    }
  });
  REQUIRE(lines.size() == 10);
  for (const auto& line : lines) CHECK(line.find("x=1.5/4..2@0") != std::string::npos);
}

TEST_CASE("the GPU of a rank and the path of its tensors are in the run's provenance") {
  const FakeGpus gpus;
  auto tracker = std::make_shared<MemoryTracker>();
  run_ranks(2, [&](Communicator comm) {
    const int rank = comm.rank();
    gpu_of_rank = rank == 0 ? nullptr : std::make_shared<FakeDevice>();
    Accelerator accelerator({.log_with = {tracker},
                             .communicator = std::move(comm),
                             .device_path = ranklog::DevicePath::nccl});
    if (rank == 1) REQUIRE(accelerator.select_device() == 1);
    if (rank == 0) REQUIRE_THROWS_AS((void)accelerator.select_device(), DeviceError);
    REQUIRE(accelerator.device() == (rank == 0 ? "cpu" : "cuda:1"));
    accelerator.init_trackers("device");
    accelerator.end_training();
  });
  const auto provenance = tracker->context().provenance;
  REQUIRE(provenance != nullptr);
  REQUIRE(provenance->ranks.size() == 2);
  CHECK(provenance->ranks[0].device == "cpu");
  CHECK(provenance->ranks[1].device == "cuda:1");
  CHECK(provenance->ranks[1].gpu.name == "Fake 1");
  REQUIRE(provenance->facts.find("device_path") != nullptr);
  CHECK(to_text(*provenance->facts.find("device_path")) ==
        "staged: nccl was asked for, but not every rank has a GPU");
}

TEST_CASE("this build without a GPU, or without CUDA, says so where a device value is logged") {
  // Host memory is no device memory, so that this throws where there is a GPU, too.
  const std::vector<float> x{1};
  run_ranks(1, [&](Communicator comm) {
    Accelerator accelerator(
        {.log_with = {std::make_shared<MemoryTracker>()}, .communicator = std::move(comm)});
    accelerator.init_trackers("device");
    REQUIRE_THROWS_AS(accelerator.log({{"x", device(x.data(), 1)}}), DeviceError);
    accelerator.log({{"y", 1.0}});
    accelerator.end_training();
  });
}
