// 10,000 draws logged under Order::reproducible, each spread over the ranks in another way, and the
// bits that must come out on any number of ranks.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/exact_moments.hpp"
#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"
#include "support/draws.hpp"

namespace ranklog::test_support {

inline constexpr std::uint64_t n_reproducible_draws = 10000;
inline constexpr std::uint64_t draws_per_step = 20;
inline constexpr std::size_t values_per_draw = 16;
inline constexpr std::array reproducible_reductions{Reduction::mean, Reduction::sum, Reduction::std,
                                                    Reduction::max};

inline std::string reproducible_key(std::uint64_t draw_index) {
  return "draw/" + std::to_string(draw_index % draws_per_step);
}
inline Reduction reduction_of_draw(std::uint64_t draw_index) {
  return reproducible_reductions[draw_index % reproducible_reductions.size()];
}

// All values of the draw on one rank, without any logging.
inline Metric expected_metric(std::uint64_t draw_index) {
  const double weight = draw_weights(draw_index, 1).front();
  Accumulator numbers;
  ExactMoments exact;
  for (const double value : draw(draw_index, values_per_draw)) {
    numbers.add_real(value, weight, 0);
    exact.add_real(value, weight);
  }
  auto info = std::make_shared<MetricInfo>();
  info->reduction = reduction_of_draw(draw_index);
  Metric metric;
  metric.info = std::move(info);
  (void)finish(numbers, exact, metric);
  return metric;
}

// Which of the draw's values this rank holds; the ranks share them out, some may get none.
inline std::vector<double> share_of_draw(std::uint64_t draw_index, int rank, int n_ranks) {
  std::mt19937_64 random(draw_index * 31 + static_cast<std::uint64_t>(n_ranks));
  std::vector<double> mine;
  for (const double value : draw(draw_index, values_per_draw)) {
    const auto owner = static_cast<int>(random() % static_cast<std::uint64_t>(n_ranks));
    if (owner == rank) mine.push_back(value);
  }
  return mine;
}

inline void log_reproducible_draws(Accelerator& accelerator) {
  const int rank = accelerator.process_index();
  const int n_ranks = accelerator.num_processes();
  for (std::uint64_t k = 0; k < draws_per_step; ++k) {
    accelerator.define_metric(reproducible_key(k),
                              {.reduce = reduction_of_draw(k), .order = Order::reproducible});
  }
  for (std::uint64_t first = 0; first < n_reproducible_draws; first += draws_per_step) {
    Dict values;
    for (std::uint64_t k = first; k < first + draws_per_step; ++k) {
      const auto mine = share_of_draw(k, rank, n_ranks);
      values.set(reproducible_key(k), Value(mine).weighted(draw_weights(k, 1).front()));
    }
    accelerator.log(values, static_cast<std::int64_t>(first));
    // Keeps the ranks together: under a sanitizer, 16 of them on two cores drift apart by more than
    // the 30 s that a row waits.
    if (first % (50 * draws_per_step) == 0) accelerator.flush();
  }
}

inline bool same_numbers(const Metric& a, const Metric& b) {
  const Statistics& s = a.statistics;
  const Statistics& t = b.statistics;
  return same_bits(a.value, b.value) && same_bits(s.mean, t.mean) && same_bits(s.std, t.std) &&
         same_bits(s.weight, t.weight) && same_bits(s.min, t.min) && same_bits(s.max, t.max) &&
         s.count == t.count;
}

// How many draws arrived with exactly the expected bits.
inline std::uint64_t n_right_draws(const MemoryTracker& memory,
                                   const std::vector<Metric>& expected) {
  std::uint64_t n_right = 0;
  for (const auto& record : memory.records()) {
    for (const auto& metric : record.metrics) {
      const auto k = static_cast<std::uint64_t>(record.row_step) +
                     std::stoull(metric.key().substr(metric.key().find('/') + 1));
      if (same_numbers(metric, expected.at(k))) ++n_right;
    }
  }
  return n_right;
}

inline std::vector<Metric> expected_metrics() {
  std::vector<Metric> metrics;
  for (std::uint64_t k = 0; k < n_reproducible_draws; ++k) metrics.push_back(expected_metric(k));
  return metrics;
}

}  // namespace ranklog::test_support
