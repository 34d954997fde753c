// Logs what test_tensorboard.py expects to read back.
//   interop_write_tensorboard <directory> <run> <steps> [killed]
// With `killed`, the program flushes and is then killed in the midst of logging.
#include <ranklog/ranklog.hpp>
#include <ranklog/tensorboard_writer.hpp>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace {

using ranklog::Accelerator;
using ranklog::Config;

Config configuration(const std::string& run) {
  Config config{{"learning_rate", 1e-5},
                {"batch_size", 32},
                {"seed", std::int64_t{9007199254740993}},
                {"nesterov", true},
                {"optimizer", {{"name", "adäm"}, {"betas", std::vector{0.9, 0.999}}}},
                {"scheduler", nullptr},
                {"clip", std::numeric_limits<double>::infinity()},
                {"note", "yes: \"quoted\"\n# not a comment"}};
  config.set("only_" + run, 1);
  return config;
}

void log_step(Accelerator& accelerator, std::int64_t step) {
  const int rank = accelerator.process_index();
  accelerator.log({{"train/loss", 1.0 / (1.0 + static_cast<double>(step)) + rank},
                   {"samples", ranklog::sum(3)},
                   {"by_rank", ranklog::gather(100.0 * rank + 0.5)},
                   {"метрика/量 ñ", step}},
                  step);
}

void log_special(Accelerator& accelerator) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> values{std::numeric_limits<double>::quiet_NaN(), infinity, -infinity};
  for (std::size_t i = 0; i < values.size(); ++i) {
    accelerator.log({{"special", ranklog::first(values[i])}}, static_cast<std::int64_t>(i));
  }
  accelerator.log({{"note", "## Größe\nline two"}}, 3);
  accelerator.log({{"note", "later"}}, 4);
}

void run(const std::string& directory, const std::string& name, std::int64_t n_steps,
         bool is_killed) {
  Accelerator accelerator({.log_with = {"tensorboard"}, .project_dir = directory});
  accelerator.init_trackers(
      "project", configuration(name),
      {.run_name = name,
       .tracker_options = {{"tensorboard", {{"statistics", true}, {"max_ranks", 2}}}}});
  log_special(accelerator);
  for (std::int64_t step = 0; step < n_steps; ++step) log_step(accelerator, step);
  accelerator.flush();
  if (is_killed) {
    for (std::int64_t step = n_steps; step < n_steps + 10; ++step) log_step(accelerator, step);
    std::raise(SIGKILL);
  }
  if (auto* writer = accelerator.get_tracker("tensorboard").unwrap<ranklog::TensorBoardWriter>()) {
    writer->add_scalar("direct", 2.5, 1);
    writer->add_text("direct_text", "by hand", 1);
  }
  accelerator.end_training();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  try {
    run(argv[1], argv[2], std::stoll(argv[3]), argc > 4 && std::string_view(argv[4]) == "killed");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
