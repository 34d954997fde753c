// Time per step with each tracker that writes files, for a dictionary of 20 numbers: what the loop
// pays for log(), and all that is done until everything is written, divided by the steps.
// bench/vendor_clients.py measures the vendors' own Python clients with the same dictionaries.
// TMPDIR chooses the folder.
#include <mpi.h>
#include <ranklog/ranklog.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "support/program.hpp"
#include "support/report.hpp"
#include "support/scratch.hpp"

namespace {

namespace fs = std::filesystem;
using namespace ranklog::bench;
using Clock = std::chrono::steady_clock;

constexpr std::size_t n_metrics = 20;

double ns_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

struct Cost {
  double loop_ns = 0;
  double all_ns = 0;
};

// Collective. Per step, of the slowest rank.
Cost measure(const std::string& tracker, const fs::path& folder, const std::string& run,
             int n_steps) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < n_metrics; ++i) keys.push_back("train/metric_" + std::to_string(i));
  ranklog::Accelerator accelerator({.log_with = tracker, .project_dir = folder.string()});
  accelerator.init_trackers(tracker, {{"learning_rate", 0.1}}, {.run_name = run});
  std::vector<ranklog::Item> items;
  MPI_Barrier(MPI_COMM_WORLD);
  const auto start = Clock::now();
  for (int step = 0; step < n_steps; ++step) {
    items.clear();
    for (const auto& key : keys) items.emplace_back(key, 0.37 * step);
    accelerator.log(items, step);
  }
  const double loop_ns = ns_since(start);
  accelerator.flush();
  const double all_ns = ns_since(start);
  accelerator.end_training();
  return {max_over_ranks(loop_ns) / n_steps, max_over_ranks(all_ns) / n_steps};
}

int run(const Sizes& sizes) {
  const ScratchDirectory scratch;
  const fs::path& folder = scratch.path();
  Report report("tracker_cost", sizes);
  const auto available = ranklog::get_available_trackers();
  bool is_correct = true;
  for (const std::string tracker : {"hdf5", "tensorboard", "dvclive", "wandb", "jsonl"}) {
    if (std::find(available.begin(), available.end(), tracker) == available.end()) continue;
    std::vector<double> loop;
    std::vector<double> all;
    for (int repetition = 0; repetition <= sizes.n_repetitions; ++repetition) {
      const std::string name = "run" + std::to_string(repetition);
      const Cost cost = measure(tracker, folder, name, sizes.n_steps);
      is_correct = is_correct && !fs::is_empty(folder / tracker / name);
      if (repetition == 0) continue;
      loop.push_back(cost.loop_ns);
      all.push_back(cost.all_ns);
    }
    report.add(tracker + ", log of 20 numbers", "ns/step", loop);
    report.add(tracker + ", log of 20 numbers until it is written", "ns/step", all);
  }
  return report.finish(is_correct);
}

}  // namespace

int main(int argc, char** argv) { return program(argc, argv, "tracker_cost", {5, 5000}, run); }
