// Logs what test_wandb.py expects to read back.
//   interop_write_wandb <directory> <run> <from_step> <end_step> whole|killed|resume
// whole: with media, to the end. killed: after the steps it flushes, prints its process id and logs
// on until it is killed. resume: goes on with such a run.
#include <unistd.h>
#include <ranklog/ranklog.hpp>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace {

using ranklog::Accelerator;
using ranklog::Config;
using ranklog::Figure;
using ranklog::Histogram;
using ranklog::Image;
using ranklog::Table;

Config configuration() {
  return {{"learning_rate", 1e-5},
          {"batch_size", 32},
          {"seed", std::int64_t{9007199254740993}},
          {"nesterov", true},
          {"optimizer", {{"name", "adäm"}, {"betas", std::vector{0.9, 0.999}}}},
          {"scheduler", nullptr},
          {"clip", std::numeric_limits<double>::infinity()},
          {"note", "yes: \"quoted\"\n# not a comment"}};
}

void log_step(Accelerator& accelerator, std::int64_t step) {
  const int rank = accelerator.process_index();
  accelerator.log({{"train/loss", 1.0 / (1.0 + static_cast<double>(step)) + rank},
                   {"samples", ranklog::sum(3)},
                   {"big", ranklog::first(std::int64_t{9007199254740993} + step)},
                   {"nested", {{"deep", {{"value", 2 * step}}}}},
                   {"by_rank", ranklog::gather(100.0 * rank + 0.5)},
                   {"is_even", ranklog::all(step % 2 == 0)},
                   {"метрика/量 ñ", step}},
                  step);
}

// Values of their own, at the steps 0, 1 and 2, that join the rows of those steps.
void log_special(Accelerator& accelerator, std::int64_t step) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> values{std::numeric_limits<double>::quiet_NaN(), infinity, -infinity};
  if (step >= static_cast<std::int64_t>(values.size())) return;
  accelerator.log({{"special", ranklog::first(values[static_cast<std::size_t>(step)])},
                   {"note", step == 0 ? "## Größe\nline \"two\"" : "later"}},
                  step);
}

void log_media(Accelerator& accelerator) {
  const std::vector<std::uint8_t> pixels{0, 64, 128, 192, 255, 32};
  accelerator.log_images({{"samples/first", Image(3, 2, 1, pixels)}}, 0);
  accelerator.log_images({{"pair", std::vector{Image(3, 2, 1, pixels), Image(2, 3, 1, pixels)}}},
                         1);
  accelerator.log_table("predictions",
                        Table({"näme", "score"}, {{"a", 0.5}, {nullptr, std::int64_t{3}}}), 1);
  accelerator.log_histogram("weights", Histogram({0, 0.5, 2}, {1, 2}), 1);
  accelerator.log_figure(Figure("plots/roc.html", "<b>roc</b>"), 1);
}

struct Arguments {
  std::string directory;
  std::string run;
  std::int64_t from_step = 0;
  std::int64_t end_step = 0;
  std::string_view mode;
};

void run(const Arguments& arguments) {
  const bool is_whole = arguments.mode == "whole";
  Accelerator accelerator({.log_with = {"wandb"}, .project_dir = arguments.directory});
  ranklog::InitOptions options{.run_name = arguments.run,
                               .wandb = {.group = "g", .statistics = true, .max_ranks = 2}};
  if (is_whole) {
    const std::vector<std::string> words{"max", "mean"};
    options.tracker_options = {{"wandb",
                                {{"define_metric",
                                  {{"samples", {{"step_metric", "big"}, {"summary", words}}},
                                   {"nested/*", {{"hidden", true}}}}},
                                 {"system_metrics_interval_s", 0.1},
                                 {"console_file", arguments.directory + "/console.txt"}}}};
  }
  if (arguments.mode == "resume") options.resume = {.from_step = arguments.from_step};
  accelerator.init_trackers("project", configuration(), options);
  for (std::int64_t step = arguments.from_step; step < arguments.end_step; ++step) {
    log_step(accelerator, step);
    log_special(accelerator, step);
    if (is_whole && step == 1) log_media(accelerator);
  }
  if (is_whole && accelerator.is_main_process()) {
    std::ofstream(arguments.directory + "/console.txt") << "first líne\nlast\n";
  }
  if (arguments.mode == "killed") {
    accelerator.flush();
    if (accelerator.is_main_process()) std::printf("flushed %d\n", ::getpid());
    std::fflush(stdout);
    for (std::int64_t step = arguments.end_step;; ++step) log_step(accelerator, step);
  }
  accelerator.end_training();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  try {
    run({argv[1], argv[2], std::stoll(argv[3]), std::stoll(argv[4]), argv[5]});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
