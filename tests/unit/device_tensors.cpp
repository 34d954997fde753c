#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "accelerator/device_tensors.hpp"
#include "ranklog/collectives.hpp"
#include "ranklog/testing.hpp"
#include "unit/fake_device.hpp"

using ranklog::Communicator;
using ranklog::device;
using ranklog::DeviceElement;
using ranklog::DeviceError;
using ranklog::DevicePath;
using ranklog::DeviceTensors;
using ranklog::Reduction;
using ranklog::testing::FakeDevice;
using ranklog::testing::FakeDriver;
using ranklog::testing::run_ranks;

namespace {

// A rank with a GPU of its own that tests can break; chunks are short, so that there are many.
struct Rank {
  Rank(const Communicator& comm, DevicePath path, std::size_t chunk_bytes = 96)
      : link(comm.duplicate()),
        tensors(
            comm, path, [this] { return std::make_unique<FakeDriver>(gpu); }, chunk_bytes) {
    gpu->uuid = "GPU-" + std::to_string(comm.rank());
    gpu->link = &link;
  }
  std::shared_ptr<FakeDevice> gpu = std::make_shared<FakeDevice>();
  Communicator link;
  DeviceTensors tensors;
};

template <class T>
std::vector<T> reduced(DeviceTensors& tensors, std::vector<T> values, Reduction reduction,
                       double scale = 1.0) {
  std::vector<T> result(values.size());
  tensors.reduce(device(values.data(), values.size()), device(result.data(), result.size()),
                 reduction, scale);
  return result;
}

std::vector<float> random_floats(int rank, std::size_t n) {
  std::mt19937 random(static_cast<unsigned>(rank) + 1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(n);
  for (auto& value : values) value = uniform(random);
  return values;
}

// The text of the DeviceError that `call` throws.
std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE(
    "a reduced device tensor has the bits that reduce() of host memory gives, on every path") {
  for (const int n_ranks : {1, 2, 3, 5}) {
    run_ranks(n_ranks, [](Communicator comm) {
      for (const auto path : {DevicePath::staged, DevicePath::direct, DevicePath::nccl}) {
        Rank rank(comm, path);
        for (const std::size_t n : {1U, 2U, 24U, 25U, 1000U}) {
          const auto values = random_floats(comm.rank(), n);
          for (const auto by : {Reduction::sum, Reduction::mean, Reduction::max}) {
            const auto on_device = reduced(rank.tensors, values, by, 0.5);
            const auto on_host = ranklog::collectives::reduce(comm, values, by, 0.5);
            REQUIRE(std::memcmp(on_device.data(), on_host.data(), n * sizeof(float)) == 0);
          }
        }
        REQUIRE(rank.tensors.describe_path().starts_with(to_string(path)));
      }
    });
  }
}

TEST_CASE("integers stop at the ends of their type, any and all are 0 or 1, NaN stays NaN") {
  run_ranks(3, [](Communicator comm) {
    Rank rank(comm, DevicePath::staged);
    const auto r = comm.rank();
    REQUIRE(reduced<std::uint8_t>(rank.tensors, {200, 1}, Reduction::sum) ==
            std::vector<std::uint8_t>{255, 3});
    REQUIRE(reduced<std::int32_t>(rank.tensors, {r, -r}, Reduction::mean) ==
            std::vector<std::int32_t>{1, -1});
    REQUIRE(reduced<std::int64_t>(rank.tensors, {INT64_MAX, INT64_MIN}, Reduction::sum) ==
            std::vector<std::int64_t>{INT64_MAX, INT64_MIN});
    REQUIRE(reduced<double>(rank.tensors, {r == 1 ? 4.0 : 0.0, 1.0, r == 2 ? 0.0 : 1.0},
                            Reduction::any) == std::vector<double>{1, 1, 1});
    REQUIRE(reduced<double>(rank.tensors, {r == 1 ? 4.0 : 0.0, 7.0}, Reduction::all) ==
            std::vector<double>{0, 1});
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const auto with_nan = reduced<double>(rank.tensors, {r == 2 ? nan : 1.0, 2.0}, Reduction::max);
    REQUIRE(std::isnan(with_nan[0]));
    REQUIRE(with_nan[1] == 2);
  });
}

TEST_CASE("a tensor may be reduced in place, and one without elements does nothing") {
  run_ranks(2, [](Communicator comm) {
    Rank rank(comm, DevicePath::staged);
    std::vector<double> values(100, comm.rank() + 1.0);
    rank.tensors.reduce(device(values.data(), 100), device(values.data(), 100), Reduction::sum, 1);
    REQUIRE(std::all_of(values.begin(), values.end(), [](double x) { return x == 3; }));
    rank.tensors.reduce(device(values.data(), 0), device(values.data(), 0), Reduction::sum, 1);
  });
}

TEST_CASE("the next chunk is on its way while the ranks work on one") {
  run_ranks(2, [](Communicator comm) {
    Rank rank(comm, DevicePath::staged, 32);
    (void)reduced<double>(rank.tensors, std::vector<double>(12, 1.0), Reduction::sum);
    REQUIRE(rank.gpu->copies == std::vector<std::string>{"load 0", "load 1", "store 0", "load 0",
                                                         "store 1", "store 0"});
  });
}

TEST_CASE("tensors of different lengths are gathered in rank order, on every path") {
  run_ranks(4, [](Communicator comm) {
    const std::array<std::size_t, 4> lengths{13, 0, 1, 40};
    for (const auto path : {DevicePath::staged, DevicePath::direct, DevicePath::nccl}) {
      Rank rank(comm, path);
      const auto n = lengths[static_cast<std::size_t>(comm.rank())];
      const auto values = random_floats(comm.rank(), n);
      std::vector<float> all(60, -5);
      REQUIRE(rank.tensors.gather(device(values.data(), n), device(all.data(), 60)) == 54);
      std::vector<float> expected;
      for (int r = 0; r < 4; ++r) {
        const auto part = random_floats(r, lengths[static_cast<std::size_t>(r)]);
        expected.insert(expected.end(), part.begin(), part.end());
      }
      expected.resize(60, -5);
      REQUIRE(all == expected);
    }
  });
}

TEST_CASE("a path that fails its test, or cannot be, is replaced by staging, with the reason") {
  run_ranks(3, [](Communicator comm) {
    const auto path_of = [&](DevicePath wanted, const std::function<void(Rank&)>& prepare) {
      Rank rank(comm, wanted);
      prepare(rank);
      const std::vector<double> ones(5, 1.0);
      REQUIRE(reduced(rank.tensors, ones, Reduction::sum) == std::vector<double>(5, 3.0));
      return rank.tensors.describe_path();
    };
    const bool is_one = comm.rank() == 1;
    REQUIRE(path_of(DevicePath::staged, [](Rank&) {}) == "staged: the default");
    const auto wrong = path_of(DevicePath::direct, [&](Rank& r) { r.gpu->adds_wrongly = is_one; });
    REQUIRE(wrong.starts_with("staged: direct was asked for, but: a test of "));
    const auto missing = path_of(DevicePath::nccl, [&](Rank& r) {
      if (is_one) r.gpu->link_error = "libnccl.so.2 cannot be loaded";
    });
    REQUIRE(missing == "staged: nccl was asked for, but: libnccl.so.2 cannot be loaded");
    const auto shared = path_of(DevicePath::nccl, [&](Rank& r) {
      if (comm.rank() > 0) r.gpu->uuid = "GPU-same";
    });
    REQUIRE(shared ==
            "staged: nccl was asked for, but: ranks 1 and 2 share a GPU, and NCCL needs one for "
            "each rank");
  });
}

TEST_CASE("an error of one rank's device reaches all ranks, at any copy, and the next call works") {
  for (const auto path : {DevicePath::staged, DevicePath::direct}) {
    for (int n_before = 0; n_before < 4; ++n_before) {  // two chunks are loaded and stored
      run_ranks(3, [&](Communicator comm) {
        Rank rank(comm, path, 48);
        const std::vector<double> values(8, 1.0);
        (void)reduced(rank.tensors, values, Reduction::sum);
        if (comm.rank() == 1) {
          rank.gpu->copy_error = "an illegal memory access was encountered";
          rank.gpu->n_copies_before_error = n_before;
        }
        const auto text = error_of([&] { (void)reduced(rank.tensors, values, Reduction::sum); });
        REQUIRE(text == "reduce() on rank 1: an illegal memory access was encountered");
        Rank fresh(comm, path, 48);
        REQUIRE(reduced(fresh.tensors, values, Reduction::sum) == std::vector<double>(8, 3.0));
      });
    }
  }
}

TEST_CASE("what is wrong on one rank is thrown on all, naming the rank") {
  run_ranks(3, [](Communicator comm) {
    Rank rank(comm, DevicePath::staged);
    const bool is_two = comm.rank() == 2;
    const std::vector<double> values(4, 1.0);
    if (is_two) rank.gpu->check_error = "0x10 is not device memory";
    REQUIRE(error_of([&] { (void)reduced(rank.tensors, values, Reduction::sum); }) ==
            "reduce() on rank 2: 0x10 is not device memory");
    rank.gpu->check_error.clear();
    if (is_two) rank.gpu->is_out_of_memory = true;
    REQUIRE(error_of([&] {
              (void)reduced(rank.tensors, values, Reduction::sum);
            }).find("out of memory") != std::string::npos);
    rank.gpu->is_out_of_memory = false;
    REQUIRE(reduced(rank.tensors, values, Reduction::sum) == std::vector<double>(4, 3.0));

    std::vector<double> longer(is_two ? 5 : 4, 1.0);
    REQUIRE_THROWS_AS((void)reduced(rank.tensors, longer, Reduction::sum),
                      ranklog::ShapeMismatchError);
    REQUIRE_THROWS_AS((void)reduced(rank.tensors, values, Reduction::last), ranklog::UsageError);
    std::vector<double> room(is_two ? 11 : 12);
    REQUIRE_THROWS_AS(
        (void)rank.tensors.gather(device(values.data(), 4), device(room.data(), room.size())),
        ranklog::UsageError);
  });
}

TEST_CASE("a rank without a GPU is named, the others go on, and /ranks says cpu") {
  run_ranks(2, [](Communicator comm) {
    DeviceTensors tensors(comm, DevicePath::nccl, [&]() -> std::unique_ptr<ranklog::gpu::Driver> {
      if (comm.rank() == 1) throw DeviceError("there is no usable GPU on this rank");
      return std::make_unique<FakeDriver>(std::make_shared<FakeDevice>());
    });
    tensors.choose_early();
    REQUIRE(tensors.describe_path() == "staged: nccl was asked for, but not every rank has a GPU");
    REQUIRE(tensors.current_device().has_value() == (comm.rank() == 0));
    REQUIRE(error_of([&] { (void)reduced<double>(tensors, {1}, Reduction::sum); }) ==
            "reduce() on rank 1: there is no usable GPU on this rank");
    if (comm.rank() == 1) {
      REQUIRE(error_of([&] { (void)tensors.select(1); }) ==
              "select_device() on rank 1: there is no usable GPU on this rank");
    }
  });
}

TEST_CASE("ranks that ask for different paths all say so, where they would wait for each other") {
  run_ranks(3, [](Communicator comm) {
    Rank rank(comm, comm.rank() == 1 ? DevicePath::nccl : DevicePath::staged);
    REQUIRE_THROWS_AS(rank.tensors.choose_early(), ranklog::UsageError);
    REQUIRE_THROWS_AS((void)reduced<double>(rank.tensors, {1}, Reduction::sum),
                      ranklog::UsageError);
  });
}

TEST_CASE("ranks of a node take its GPUs in turn, and share where there are more ranks") {
  run_ranks(1, [](Communicator comm) {
    Rank rank(comm, DevicePath::staged);
    for (int node_rank = 0; node_rank < 5; ++node_rank) {
      REQUIRE(rank.tensors.select(node_rank) == node_rank % 2);
      REQUIRE(rank.tensors.current_device() == node_rank % 2);
    }
    REQUIRE(rank.tensors.current_gpu()->name == "Fake 0");
  });
}

TEST_CASE("a path is chosen again when a rank's tensors are on another device") {
  run_ranks(2, [](Communicator comm) {
    Rank rank(comm, DevicePath::direct);
    std::vector<double> a(3, 1.0), b(3, 2.0);
    if (comm.rank() == 1) rank.gpu->device[b.data()] = 1;
    rank.tensors.reduce(device(a.data(), 3), device(a.data(), 3), Reduction::sum, 1);
    const auto n_copies = rank.gpu->copies.size();
    rank.tensors.reduce(device(b.data(), 3), device(b.data(), 3), Reduction::sum, 1);
    REQUIRE(b == std::vector<double>(3, 4.0));
    REQUIRE(rank.gpu->copies.size() > n_copies + 2);  // the test ran again
  });
}
