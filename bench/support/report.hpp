// What the benchmarks share: timing of a loop on all ranks, and the JSON report.
#pragma once

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace ranklog::bench {

struct Sizes {
  int n_repetitions = 15;
  int n_steps = 20000;  // per repetition
};

[[nodiscard]] inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

[[nodiscard]] double max_over_ranks(double value);
[[nodiscard]] bool true_on_all_ranks(bool value);

// Collective. Nanoseconds per step of `run(n_steps)` for each repetition: the slowest rank's.
// The first repetition warms up and is left out.
template <class Run>
[[nodiscard]] std::vector<double> time_steps(const Sizes& sizes, Run run) {
  std::vector<double> ns_per_step;
  for (int repetition = 0; repetition <= sizes.n_repetitions; ++repetition) {
    MPI_Barrier(MPI_COMM_WORLD);
    const auto start = std::chrono::steady_clock::now();
    run(sizes.n_steps);
    const std::chrono::duration<double, std::nano> elapsed =
        std::chrono::steady_clock::now() - start;
    const double slowest = max_over_ranks(elapsed.count()) / sizes.n_steps;
    if (repetition > 0) ns_per_step.push_back(slowest);
  }
  return ns_per_step;
}

// The report of one program, with where and how it was measured.
class Report {
 public:
  Report(std::string_view program, const Sizes& sizes);

  void add(std::string_view name, std::string_view unit, double value);
  // The median of the repetitions is the result; all of them are kept.
  void add(std::string_view name, std::string_view unit, const std::vector<double>& repetitions);
  // What one rank measured.
  void add_rank(const nlohmann::ordered_json& rank) { json_["ranks"].push_back(rank); }
  // Collective. Prints on rank 0 and returns the exit status: 1 if a check failed on any rank.
  [[nodiscard]] int finish(bool is_correct_here);

 private:
  nlohmann::ordered_json json_;
};

}  // namespace ranklog::bench
