#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "accelerator/device_tensors.hpp"
#include "core/sketch_buckets.hpp"
#include "ranklog/error.hpp"
#include "ranklog/testing.hpp"
#include "unit/fake_device.hpp"

using ranklog::Communicator;
using ranklog::device;
using ranklog::DevicePath;
using ranklog::DeviceTensors;
using ranklog::Distribution;
using ranklog::testing::FakeDevice;
using ranklog::testing::FakeDriver;
using ranklog::testing::run_ranks;

namespace sketch = ranklog::sketch;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Of one rank with these elements.
Distribution distribution_of(const std::vector<double>& values) {
  std::unique_ptr<Distribution> found;
  run_ranks(1, [&](Communicator comm) {
    DeviceTensors tensors(comm, DevicePath::staged, [] {
      return std::make_unique<FakeDriver>(std::make_shared<FakeDevice>());
    });
    found = std::make_unique<Distribution>(tensors.finish_distribution(
        tensors.start_distribution(device(values.data(), values.size()))));
  });
  return *found;
}

}  // namespace

TEST_CASE("every bucket begins where the one before it ends, and holds its own values") {
  for (int bucket = 0; bucket < sketch::n_buckets; ++bucket) {
    const double low = sketch::lower_edge(bucket);
    const double high = sketch::lower_edge(bucket + 1);
    REQUIRE(low < high);
    REQUIRE(sketch::bucket_of(low + (high - low) / 2) == bucket);
    // An edge belongs to the bucket that is farther from zero.
    REQUIRE(sketch::bucket_of(high) ==
            std::min(bucket >= sketch::zero_bucket ? bucket + 1 : bucket, sketch::n_buckets - 1));
  }
  CHECK(sketch::bucket_of(0.0) == sketch::zero_bucket);
  CHECK(sketch::bucket_of(-0.0) == sketch::zero_bucket);
  CHECK(sketch::bucket_of(1e-320) == sketch::zero_bucket);
  CHECK(sketch::bucket_of(1e300) == sketch::n_buckets - 1);
  CHECK(sketch::bucket_of(-infinity) == 0);
}

TEST_CASE("a quantile is within 1/32 of the element at its place, for values of many sizes") {
  std::mt19937_64 random(3);
  std::normal_distribution<double> exponent(0, 8);
  std::vector<double> values(20001);
  for (auto& x : values) x = std::exp(exponent(random)) * (random() % 3 == 0 ? -1 : 1);
  const auto distribution = distribution_of(values);
  std::sort(values.begin(), values.end());
  for (int i = 0; i <= 100; ++i) {
    const double q = i / 100.0;
    const double exact = values[static_cast<std::size_t>(i) * 200];
    CAPTURE(q);
    CHECK(std::abs(distribution.quantile(q) - exact) <= std::abs(exact) / 32);
  }
  CHECK(distribution.quantile(0) == values.front());
  CHECK(distribution.quantile(1) == values.back());
  CHECK(distribution.count() == 20001);
  CHECK_THROWS_AS((void)distribution.quantile(1.5), ranklog::UsageError);
  CHECK_THROWS_AS((void)distribution.quantile(std::nan("")), ranklog::UsageError);
}

TEST_CASE("the counts of a histogram are exact and its edges ascend from minimum to maximum") {
  std::mt19937_64 random(4);
  std::normal_distribution<double> normal(0, 1e-3);
  std::vector<double> values(5000);
  for (auto& x : values) x = normal(random);
  for (const std::size_t max_bins : {1U, 7U, 64U, 512U}) {
    const auto histogram = distribution_of(values).histogram(max_bins);
    const auto& edges = histogram.edges();
    const auto& counts = histogram.counts();
    REQUIRE(counts.size() <= max_bins);
    for (std::size_t bin = 0; bin < counts.size(); ++bin) {
      const auto n = std::count_if(values.begin(), values.end(), [&](double x) {
        // Negative values belong to the bin whose upper edge they are.
        const double low = edges[bin], high = edges[bin + 1];
        return (x > low || (x == low && x >= 0)) && (x < high || (x == high && x < 0));
      });
      REQUIRE(counts[bin] == static_cast<double>(n));
    }
  }
  CHECK_THROWS_AS((void)distribution_of(values).histogram(0), ranklog::InvalidValueError);
}

TEST_CASE("NaN is counted apart, infinities are the extremes, and no element at all is allowed") {
  const auto some = distribution_of({1, infinity, std::nan(""), -infinity, 2});
  CHECK(some.count() == 4);
  CHECK(some.nan_count() == 1);
  CHECK(some.min() == -infinity);
  CHECK(some.quantile(1) == infinity);
  CHECK(some.quantile(0.5) == doctest::Approx(1).epsilon(1.0 / 32));
  CHECK(some.histogram().counts().size() >= 1);
  const auto counts = some.histogram().counts();
  CHECK(std::accumulate(counts.begin(), counts.end(), 0.0) == 2);
  const auto none = distribution_of({});
  CHECK(none.count() == 0);
  CHECK(std::isnan(none.quantile(0.5)));
  CHECK(none.histogram().counts() == std::vector<double>{0});
}

TEST_CASE("the distribution is that of all ranks' elements, and passes are used again") {
  run_ranks(3, [](Communicator comm) {
    auto gpu = std::make_shared<FakeDevice>();
    DeviceTensors tensors(comm, DevicePath::staged,
                          [&] { return std::make_unique<FakeDriver>(gpu); });
    for (int step = 0; step < 3; ++step) {
      // Rank r has r elements: none, {1}, {2, 2}.
      const std::vector<float> mine(static_cast<std::size_t>(comm.rank()),
                                    static_cast<float>(comm.rank()));
      auto pending = tensors.start_distribution(device(mine.data(), mine.size()));
      const auto all = tensors.finish_distribution(std::move(pending));
      REQUIRE(all.count() == 3);
      REQUIRE(all.min() == 1);
      REQUIRE(all.max() == 2);
      gpu->is_out_of_memory = true;  // nothing more is made
    }
    gpu->asynchronous_error = comm.rank() == 2 ? "the device is lost" : "";
    const std::vector<float> two(2, 1.0F);
    gpu->is_out_of_memory = false;
    auto pending = tensors.start_distribution(device(two.data(), 2));
    REQUIRE_THROWS_AS((void)tensors.finish_distribution(std::move(pending)), ranklog::DeviceError);
  });
}
