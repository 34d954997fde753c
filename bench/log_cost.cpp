// What `log` costs the caller, against what people write without it, in the same run: one bare
// MPI_Allreduce of 64 doubles per step, and one MPI_Allreduce per metric and step. All with full
// statistics, into a tracker that only checks them.
#include <mpi.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <vector>

#include "support/allocations.hpp"
#include "support/logging.hpp"
#include "support/program.hpp"
#include "support/world.hpp"

namespace {

using namespace ranklog::bench;  // NOLINT: this file is a benchmark

constexpr std::size_t n_metrics = 64;
constexpr std::size_t n_few_metrics = 16;
// Calls that one clock reading covers: reading it for each would be a good part of the cost.
constexpr int n_calls_per_sample = 8;
// A step of 64 collectives takes so much longer than the others that fewer of them will do.
constexpr int hand_written_steps_divisor = 20;

// One bare MPI_Allreduce a step, of the values that 64 metrics would log.
std::vector<double> time_bare_allreduce(const Sizes& sizes, bool& is_correct) {
  const World world;
  std::array<double, n_metrics> mine{};
  std::array<double, n_metrics> sums{};
  return time_steps(sizes, [&](int n_steps) {
    for (int step = 0; step < n_steps; ++step) {
      for (std::size_t i = 0; i < n_metrics; ++i) mine[i] = value_of(i, step, world.rank);
      MPI_Allreduce(mine.data(), sums.data(), n_metrics, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
      const double expected = world.n_ranks * (value_of(7, step, 0) + (world.n_ranks - 1) / 2.0);
      is_correct = is_correct && std::abs(sums[7] - expected) < 1e-6;
    }
  });
}

// As people write it: each metric by itself, some summed, some with their minimum or maximum.
std::vector<double> time_hand_written(Sizes sizes, bool& is_correct) {
  const World world;
  const std::array operations{MPI_SUM, MPI_MIN, MPI_MAX};
  sizes.n_steps = std::max(1, sizes.n_steps / hand_written_steps_divisor);
  return time_steps(sizes, [&](int n_steps) {
    for (int step = 0; step < n_steps; ++step) {
      for (std::size_t i = 0; i < n_metrics; ++i) {
        const double mine = value_of(i, step, world.rank);
        double all = 0;
        MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, operations[i % 3], MPI_COMM_WORLD);
        if (i % 3 == 1) is_correct = is_correct && all == value_of(i, step, 0);
        if (i % 3 == 2) is_correct = is_correct && all == value_of(i, step, world.n_ranks - 1);
      }
    }
  });
}

// With the exchange and the delivery of all rows inside the time.
std::vector<double> time_log(const Sizes& sizes, std::size_t n_keys, ranklog::Order order,
                             bool& is_correct) {
  Logging logging(n_keys, order);
  std::vector<double> ns_per_step = time_steps(sizes, [&](int n_steps) {
    logging.log(n_steps);
    logging.flush();
  });
  is_correct = logging.finish() && is_correct;
  return ns_per_step;
}

struct CallCost {
  double median_ns;
  double allocations_per_call;
};

// One call by itself: the median call does not carry the exchange, which every 64th call does.
CallCost cost_of_call(const Sizes& sizes, std::size_t n_keys, bool& is_correct) {
  Logging logging(n_keys);
  // Until buffers have grown to their size: the tracker's thread may not run before the flush.
  logging.log(sizes.n_steps);
  logging.flush();
  MPI_Barrier(MPI_COMM_WORLD);
  std::vector<double> ns_per_call;
  ns_per_call.reserve(static_cast<std::size_t>(sizes.n_steps));
  const std::int64_t n_allocations_before = n_allocations_of_this_thread();
  for (int i = 0; i < sizes.n_steps; i += n_calls_per_sample) {
    const auto start = std::chrono::steady_clock::now();
    logging.log(n_calls_per_sample);
    const std::chrono::duration<double, std::nano> elapsed =
        std::chrono::steady_clock::now() - start;
    ns_per_call.push_back(elapsed.count() / n_calls_per_sample);
  }
  const auto n_allocations =
      static_cast<double>(n_allocations_of_this_thread() - n_allocations_before);
  const auto n_calls = static_cast<double>(ns_per_call.size()) * n_calls_per_sample;
  is_correct = logging.finish() && is_correct;
  return {.median_ns = max_over_ranks(median(ns_per_call)),
          .allocations_per_call = max_over_ranks(n_allocations / n_calls)};
}

int run(const Sizes& sizes) {
  using ranklog::Order;
  bool is_correct = true;
  const auto bare = time_bare_allreduce(sizes, is_correct);
  const auto hand_written = time_hand_written(sizes, is_correct);
  const auto log_many = time_log(sizes, n_metrics, Order::by_rank, is_correct);
  const auto log_few = time_log(sizes, n_few_metrics, Order::by_rank, is_correct);
  const auto log_exact = time_log(sizes, n_few_metrics, Order::reproducible, is_correct);
  const CallCost call = cost_of_call(sizes, n_few_metrics, is_correct);

  Report report("log_cost", sizes);
  report.add("one call of log, 16 numbers, median call", "ns", call.median_ns);
  report.add("one call of log, 16 numbers, allocations", "per call", call.allocations_per_call);
  report.add("bare MPI_Allreduce of 64 doubles", "ns/step", bare);
  report.add("64 MPI_Allreduce of one double", "ns/step", hand_written);
  report.add("log of 64 numbers", "ns/step", log_many);
  report.add("log of 16 numbers", "ns/step", log_few);
  report.add("log of 16 numbers, reproducible", "ns/step", log_exact);
  report.add("log of 64 numbers / bare MPI_Allreduce", "ratio", median(log_many) / median(bare));
  report.add("log of 64 numbers / 64 MPI_Allreduce", "ratio",
             median(log_many) / median(hand_written));
  return report.finish(is_correct);
}

}  // namespace

int main(int argc, char** argv) { return program(argc, argv, "log_cost", {15, 20000}, run); }
