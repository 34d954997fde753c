// Logs numbers at the ends of double under Order::reproducible and, gathered, rank by rank, so that
// a reader can recompute the exact sums. Arguments: directory, steps.
#include <ranklog/ranklog.hpp>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <random>

namespace {

// Any finite double, or one of few exponents, so that all of a sum's terms matter.
double any_double(std::mt19937_64& random, bool is_near_one) {
  const double fraction = 1 + static_cast<double>(random() >> 12U) * 0x1.0p-52;
  const double value = std::ldexp(fraction, is_near_one ? static_cast<int>(random() % 40)
                                                        : static_cast<int>(random() % 2098) - 1074);
  return (random() & 1U) != 0 ? value : -value;
}

void log_step(ranklog::Accelerator& accelerator, std::int64_t step) {
  const int rank = accelerator.process_index();
  // The second of each pair of ranks has the opposite of the first's number, at every other step.
  const bool is_opposite = step % 2 == 1 && rank % 2 == 1;
  std::mt19937_64 random(static_cast<std::uint64_t>(step * 1000 + rank - (is_opposite ? 1 : 0)));
  const double drawn = any_double(random, step % 4 == 0);
  const double x = is_opposite ? -drawn : drawn;
  const double weight = step % 3 == 0 ? 1 : std::ldexp(1, static_cast<int>(random() % 2000) - 1000);
  const double moderate = std::ldexp(x, -std::ilogb(x)) * (1 + rank);
  accelerator.log({{"x", ranklog::gather(x)},
                   {"weight", ranklog::gather(weight)},
                   {"moderate", ranklog::gather(moderate)},
                   {"sum", x},
                   {"mean", ranklog::Value(x).weighted(weight)},
                   {"std", moderate}},
                  step);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  ranklog::Accelerator accelerator({.log_with = "hdf5", .project_dir = argv[1]});
  accelerator.init_trackers("reproducible", std::nullopt, {.run_name = "run"});
  using ranklog::Order;
  using ranklog::Reduction;
  for (const auto reduction : {Reduction::sum, Reduction::mean, Reduction::std}) {
    accelerator.define_metric(to_string(reduction),
                              {.reduce = reduction, .order = Order::reproducible});
  }
  for (std::int64_t step = 0; step < std::atoll(argv[2]); ++step) log_step(accelerator, step);
  accelerator.end_training();
}
