// Records one run for test_tool.py: interop_tool_runs PROJECT_DIR RUN_NAME N_STEPS N_EXTRA_METRICS.
// On every step the last rank has the largest loss, rank 0 the smallest; step 3 is NaN on rank 0.
#include <ranklog/ranklog.hpp>

#include <cstdint>
#include <limits>
#include <string>

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::int64_t n_steps = std::stoll(argv[3]);
  const std::int64_t n_extra = std::stoll(argv[4]);
  ranklog::Accelerator accelerator({.log_with = "hdf5", .project_dir = argv[1]});
  accelerator.define_metric("time/step", {.unit = "s"});
  accelerator.init_trackers("digits",
                            {{"learning_rate", 0.01},
                             {"optimizer", {{"name", "adam"}}},
                             {"note", "escape \x1b[2J and bell \x07"}},
                            {.run_name = argv[2]});
  const int rank = accelerator.process_index();
  for (std::int64_t step = 0; step < n_steps; ++step) {
    const double loss = 1.0 / static_cast<double>(step + 1) + rank;
    const bool is_lost = step == 3 && rank == 0;
    accelerator.log({{"train/loss", loss},
                     {"samples", ranklog::sum(32)},
                     {"time/step", 0.5},
                     {"unstable", is_lost ? std::numeric_limits<double>::quiet_NaN() : loss},
                     {"a/rather/long/key/of/the/encoder/layers/11/attention/output", loss},
                     {"phase", step + 1 < n_steps ? "warm-up" : "\x1b[31mdone"}},
                    step);
  }
  ranklog::Dict extra;
  for (std::int64_t i = 0; i < n_extra; ++i) extra.set("extra/" + std::to_string(i), i);
  if (n_extra > 0) accelerator.log(extra, n_steps);
  accelerator.end_training();
}
