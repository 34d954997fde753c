// What disagreement on keys costs: one rank adds one new key at each step, against the same steps
// without it; and 10,000 keys on all ranks, at first sight and once they are known.
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/logging.hpp"
#include "support/program.hpp"

namespace {

using namespace ranklog::bench;  // NOLINT: this file is a benchmark

constexpr std::size_t n_common_keys = 16;
constexpr int n_many_keys = 10000;
constexpr int n_rows_of_many_keys = 10;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// All ranks log 16 keys at each step; with `is_growing`, the last rank one more that is new.
std::vector<double> time_steps_with(bool is_growing, const Sizes& sizes, bool& is_correct) {
  int n_new_keys = 0;
  Logging logging(n_common_keys);
  auto& accelerator = logging.accelerator();
  const bool adds = is_growing && accelerator.is_last_process();
  auto ns_per_step = time_steps(sizes, [&](int n_steps) {
    for (int step = 0; step < n_steps; ++step) {
      logging.log_one();
      if (!adds) continue;
      const std::string key = "new/" + std::to_string(n_new_keys++);
      accelerator.log({{key, 1.0}}, n_new_keys);
    }
    logging.flush();
  });
  const bool is_right = logging.finish(n_new_keys);
  is_correct = is_right && is_correct;
  return ns_per_step;
}

struct ManyKeys {
  double first_row_s;
  double later_row_s;
};

ManyKeys time_many_keys(bool& is_correct) {
  auto tracker = std::make_shared<CheckingTracker>();
  ranklog::Accelerator accelerator(ranklog::AcceleratorOptions{.log_with = {tracker}});
  accelerator.init_trackers("bench");
  std::vector<std::string> keys;
  for (int i = 0; i < n_many_keys; ++i) keys.push_back("many/" + std::to_string(i));
  std::vector<ranklog::Item> items;
  for (const auto& key : keys) items.emplace_back(key, 1.0);
  std::vector<double> row_s;
  for (int row = 0; row < n_rows_of_many_keys; ++row) {
    MPI_Barrier(MPI_COMM_WORLD);
    const auto start = std::chrono::steady_clock::now();
    accelerator.log(items, row);
    accelerator.flush();
    row_s.push_back(max_over_ranks(seconds_since(start)));
  }
  accelerator.end_training();
  if (accelerator.is_main_process()) {
    is_correct = is_correct && tracker->n_metrics() == n_many_keys * n_rows_of_many_keys;
  }
  return {row_s.front(), median({row_s.begin() + 2, row_s.end()})};
}

int run(const Sizes& sizes) {
  bool is_correct = true;
  const auto plain = time_steps_with(false, sizes, is_correct);
  const auto growing = time_steps_with(true, sizes, is_correct);
  const ManyKeys many = time_many_keys(is_correct);

  Report report("uneven_keys", sizes);
  report.add("16 keys on all ranks", "ns/step", plain);
  report.add("the same, one rank adds a key each step", "ns/step", growing);
  report.add("one rank adds a key each step / without", "ratio", median(growing) / median(plain));
  report.add("10,000 keys, first row and flush", "s", many.first_row_s);
  report.add("10,000 keys, later rows, each with a flush", "s", many.later_row_s);
  return report.finish(is_correct);
}

}  // namespace

int main(int argc, char** argv) { return program(argc, argv, "uneven_keys", {5, 500}, run); }
