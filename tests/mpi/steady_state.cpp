// What 10,000 calls of log() cost once everything has its size: no allocation on any rank, at most
// one message per window and rank, and no call that waits.
#include <doctest/doctest.h>
#include <mpi.h>

#include <chrono>
#include <string>
#include <vector>

#include "mpi/call_counter.hpp"
#include "mpi/mpi_test.hpp"
#include "ranklog/accelerator.hpp"
#include "ranklog/record_block.hpp"

using ranklog::Accelerator;
using ranklog::Item;
using ranklog::mpi_test::all_ranks;
using ranklog::mpi_test::CallCounts;
using ranklog::mpi_test::calls_so_far;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;

namespace {

constexpr int n_calls = 10'000;
constexpr int window_rows = 64;

class CountingTracker final : public ranklog::GeneralTracker {
 public:
  [[nodiscard]] std::string name() const override { return "counting"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  [[nodiscard]] bool takes_blocks() const override { return true; }
  void log(const ranklog::Record&, const ranklog::Config&) override { ++n_rows; }
  void log_block(const ranklog::RecordBlock& block) override {
    n_rows += static_cast<std::int64_t>(block.n_rows());
  }
  std::int64_t n_rows = 0;
};

struct Keys {
  explicit Keys(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) names.push_back("layer/" + std::to_string(i));
    for (const auto& name : names) items.emplace_back(name, 0.0);
  }
  std::vector<std::string> names;
  std::vector<Item> items;
};

// Ranks that compute between calls are never far apart.
CallCounts log_in_step(Accelerator& accelerator, Keys& keys, std::int64_t& step) {
  CallCounts total;
  for (int i = 0; i < n_calls; ++i) {
    if (i % 16 == 0) PMPI_Barrier(MPI_COMM_WORLD);
    for (auto& item : keys.items) item.value = ranklog::Value(0.5 * i);
    const CallCounts before = calls_so_far();
    accelerator.log(keys.items, step++);
    const CallCounts cost = calls_so_far() - before;
    total.allocations += cost.allocations;
    total.sends += cost.sends;
    total.bytes_sent += cost.bytes_sent;
    total.receives += cost.receives;
    total.probes += cost.probes;
    total.tests += cost.tests;
    total.waiting += cost.waiting;
  }
  return total;
}

}  // namespace

TEST_CASE(
    "in the steady state log() allocates nothing, waits for nobody and sends one message a "
    "window") {
  for (const std::size_t n_keys : {16U, 64U}) {
    auto tracker = std::make_shared<CountingTracker>();
    std::int64_t step = 0;
    CallCounts cost;
    double seconds = 0;
    {
      Accelerator accelerator({.log_with = tracker,
                               .window_rows = window_rows,
                               .watchdog = {.time = std::chrono::seconds(0)}});
      accelerator.init_trackers("steady state");
      Keys keys(n_keys);
      // Pools only grow, and how far depends on the machine's other work: a round without an
      // allocation is the steady state.
      bool is_steady = false;
      for (int round = 0; round < 20 && !is_steady; ++round) {
        const auto start = std::chrono::steady_clock::now();
        cost = log_in_step(accelerator, keys, step);
        seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        is_steady = all_ranks(cost.allocations == 0);
      }
      CHECK_ALL_RANKS(cost.allocations == 0);
      CHECK_ALL_RANKS(cost.waiting == 0);
      const auto n_windows = n_calls / window_rows + 2 + static_cast<std::int64_t>(seconds);
      CHECK_ALL_RANKS(cost.sends <= (world_rank() == 0 ? 0 : n_windows));
      // Rank 0 hears of every key from log2(n) ranks at most.
      CHECK_ALL_RANKS(cost.bytes_sent <= n_calls * static_cast<std::int64_t>(n_keys * 40 + 64));
      MESSAGE("rank ", world_rank(), " of ", world_size(), ", ", n_keys, " keys, ", n_calls,
              " calls: ", cost.allocations, " allocations, ", cost.sends, " messages of ",
              cost.bytes_sent, " bytes, ", cost.receives, " receives, ", cost.probes, " probes, ",
              cost.tests, " tests");
      accelerator.end_training();
    }
    if (world_rank() == 0) CHECK(tracker->n_rows == step);
  }
}
