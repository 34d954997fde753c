// Where a NaN sits among the ranks changes neither the maximum nor what stands beside it.
#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "mpi/mpi_test.hpp"
#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"

using ranklog::Accelerator;
using ranklog::MemoryTracker;
using ranklog::NanPolicy;
using ranklog::Reduction;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;

namespace {

// Rank r holds 2^r, but NaN on one rank: 1, 2, NaN, 4 and so on.
double value_with_nan_at(int nan_rank) {
  if (world_rank() == nan_rank) return std::nan("");
  return std::pow(2.0, world_rank() < nan_rank ? world_rank() : world_rank() - 1);
}

}  // namespace

TEST_CASE("the maximum over ranks with one NaN is by policy, at every placement of the NaN") {
  const int n_ranks = world_size();
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory});
  accelerator.init_trackers("nan");
  accelerator.define_metric("skip", {.reduce = Reduction::max, .nan = NanPolicy::skip});
  accelerator.define_metric("keep", {.reduce = Reduction::max, .nan = NanPolicy::propagate});
  accelerator.define_metric("first", {.reduce = Reduction::first, .nan = NanPolicy::skip});
  accelerator.define_metric("last", {.reduce = Reduction::last, .nan = NanPolicy::skip});
  for (int nan_rank = 0; nan_rank < n_ranks; ++nan_rank) {
    const double value = value_with_nan_at(nan_rank);
    accelerator.log({{"default", ranklog::max(value)}, {"skip", value}, {"keep", value}}, nan_rank);
    accelerator.log({{"first", value}, {"last", value}}, nan_rank);
  }
  accelerator.end_training();
  if (world_rank() != 0) return;
  for (const std::string key : {"default", "keep", "skip"}) {
    const auto rows = memory->series(key);
    REQUIRE(rows.size() == static_cast<std::size_t>(n_ranks));
    for (int nan_rank = 0; nan_rank < n_ranks; ++nan_rank) {
      CAPTURE(key);
      CAPTURE(nan_rank);
      const auto& row = rows[static_cast<std::size_t>(nan_rank)];
      CHECK(row.statistics.count == n_ranks);
      CHECK(row.statistics.nan_count == 1);
      CHECK(row.statistics.first_nan_rank == nan_rank);
      const double greatest = std::pow(2.0, n_ranks - 2);
      if (key != "skip" || n_ranks == 1) {
        CHECK(std::isnan(row.value));
      } else {
        CHECK(row.value == greatest);
      }
      if (n_ranks == 1) continue;
      CHECK(row.statistics.max == greatest);
      CHECK(row.statistics.min == 1);
      CHECK(row.statistics.max_rank == (nan_rank == n_ranks - 1 ? n_ranks - 2 : n_ranks - 1));
    }
  }
  if (n_ranks == 1) return;
  for (const auto& row : memory->series("first")) CHECK(row.value == 1);
  for (const auto& row : memory->series("last")) CHECK(row.value == std::pow(2.0, n_ranks - 2));
}
