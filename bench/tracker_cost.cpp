// Time per step with each tracker that writes files, for a dictionary of 20 numbers: what the loop
// pays for log(), and all that is done until everything is written, divided by the steps.
// bench/vendor_clients.py measures the vendors' own Python clients with the same dictionaries.
#include <mpi.h>
#include <unistd.h>
#include <ranklog/ranklog.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "support/report.hpp"

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

int run(const fs::path& folder, const Sizes& sizes) {
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

bool parse(const char* text, int& value) {
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  return error == std::errc() && stop == end && value > 0;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  Sizes sizes{.n_repetitions = 5, .n_steps = 5000};
  int status = 2;
  if (argc > 4 || (argc > 1 && !parse(argv[1], sizes.n_steps)) ||
      (argc > 2 && !parse(argv[2], sizes.n_repetitions))) {
    std::fputs("usage: bench_tracker_cost [steps] [repetitions] [folder]\n", stderr);
  } else {
    try {
      int rank = 0;
      MPI_Comm_rank(MPI_COMM_WORLD, &rank);
      int pid = ::getpid();
      MPI_Bcast(&pid, 1, MPI_INT, 0, MPI_COMM_WORLD);
      const fs::path parent = argc > 3 ? fs::path(argv[3]) : fs::temp_directory_path();
      const fs::path folder = parent / ("ranklog-bench-" + std::to_string(pid));
      status = run(folder, sizes);
      if (rank == 0) fs::remove_all(folder);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "bench_tracker_cost: %s\n", error.what());
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
  }
  MPI_Finalize();
  return status;
}
