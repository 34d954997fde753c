// Logs the same values under every reduction and, gathered, rank by rank, so that a reader can
// recompute each statistic. Arguments: directory, steps, what ("all" or "many").
#include <ranklog/ranklog.hpp>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using ranklog::Reduction;
constexpr Reduction number_reductions[] = {Reduction::mean, Reduction::sum,   Reduction::min,
                                           Reduction::max,  Reduction::std,   Reduction::any,
                                           Reduction::all,  Reduction::first, Reduction::last};

// Several orders of magnitude, both signs, and sometimes a NaN or an infinity.
double draw(std::mt19937_64& random) {
  const auto kind = random() % 40;
  if (kind == 0) return std::numeric_limits<double>::quiet_NaN();
  if (kind == 1) return std::numeric_limits<double>::infinity();
  const double unit = static_cast<double>(random() >> 11U) * 0x1.0p-53;
  return (unit - 0.5) * std::pow(10.0, static_cast<double>(random() % 7) - 3.0);
}

void log_every_reduction(ranklog::Accelerator& accelerator, std::int64_t step) {
  std::mt19937_64 random(static_cast<std::uint64_t>(step * 1000 + accelerator.process_index()));
  if (random() % 5 == 0) return;  // this rank has nothing to say at this step
  const double x = draw(random);
  const auto n = static_cast<std::int64_t>(random()) >> 3U;  // far beyond 2^53
  const double weight = static_cast<double>(random() % 100 + 1);
  ranklog::Dict values;
  for (const auto reduction : number_reductions) {
    const std::string name(to_string(reduction));
    values.set("real/" + name, ranklog::Value(x).with(reduction));
    values.set("integer/" + name, ranklog::Value(n).with(reduction));
  }
  values.set("weighted", ranklog::mean(x, weight));
  values.set("by_rank/real", ranklog::gather(x));
  values.set("by_rank/integer", ranklog::gather(n));
  values.set("by_rank/weight", ranklog::gather(weight));
  accelerator.log(values, step);
}

void log_many(ranklog::Accelerator& accelerator, std::int64_t n_steps) {
  std::vector<std::string> keys;
  for (int i = 0; i < 16; ++i) keys.push_back("metric/" + std::to_string(i));
  std::vector<ranklog::Item> items;
  for (const auto& key : keys) items.emplace_back(key, 0.0);
  for (std::int64_t step = 0; step < n_steps; ++step) {
    for (auto& item : items) item.value = static_cast<double>(step) + accelerator.process_index();
    accelerator.log(items, step);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  ranklog::Accelerator accelerator({.log_with = "hdf5", .project_dir = argv[1]});
  accelerator.init_trackers("statistics", std::nullopt, {.run_name = "run"});
  const std::int64_t n_steps = std::atoll(argv[2]);
  if (std::string_view(argv[3]) == "many") {
    log_many(accelerator, n_steps);
  } else {
    for (std::int64_t step = 0; step < n_steps; ++step) log_every_reduction(accelerator, step);
  }
  accelerator.end_training();
}
