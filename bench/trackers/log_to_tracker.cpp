// Logs METRICS real numbers a step to one tracker, as a training loop would, and prints
// nanoseconds per step: of the loop, and of the loop with the end of the run.
//   log_to_tracker <tracker> <directory> <steps> <metrics>
#include <ranklog/ranklog.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double ns_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

void run(const std::string& tracker, const std::string& directory, std::int64_t n_steps,
         int n_metrics) {
  ranklog::Accelerator accelerator({.log_with = tracker, .project_dir = directory});
  accelerator.init_trackers("bench", {{"n_metrics", n_metrics}});
  std::vector<std::string> keys;
  for (int i = 0; i < n_metrics; ++i) keys.push_back("metric/" + std::to_string(i));
  std::vector<ranklog::Item> items;
  for (const std::string& key : keys) items.emplace_back(key, 0.0);

  const auto start = Clock::now();
  for (std::int64_t step = 0; step < n_steps; ++step) {
    for (int i = 0; i < n_metrics; ++i) {
      items[static_cast<std::size_t>(i)].value =
          ranklog::Value(i + static_cast<double>(step % 1024) + 0.25);
    }
    accelerator.log(items, step);
  }
  const double loop_ns = ns_since(start);
  accelerator.end_training();
  const auto n = static_cast<double>(n_steps);
  std::printf("%f %f\n", loop_ns / n, ns_since(start) / n);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  try {
    run(argv[1], argv[2], std::stoll(argv[3]), std::stoi(argv[4]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "log_to_tracker: %s\n", error.what());
    return 1;
  }
  return 0;
}
