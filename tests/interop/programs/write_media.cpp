// One job with all kinds of values and media, for the tests of the trackers for vendors.
//   interop_write_media <directory> <run> <trackers, with commas> <steps> [<resume from step>]
// Logs one step after the other without pause; the tests kill it in the midst of that.
#include <ranklog/ranklog.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

using ranklog::Accelerator;
using ranklog::Config;

Config configuration() {
  return {{"learning_rate", 1e-5},
          {"seed", std::int64_t{9007199254740993}},
          {"nesterov", true},
          {"optimizer", {{"name", "adäm"}, {"betas", std::vector{0.9, 0.999}}}},
          {"scheduler", nullptr}};
}

// 4 x 2 pixels that differ by step.
ranklog::Image picture(std::int64_t step) {
  std::array<std::uint8_t, 4 * 2 * 3> pixels{};
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<std::uint8_t>(10 * i + static_cast<std::size_t>(step));
  }
  return {4, 2, 3, pixels};
}

void log_step(Accelerator& accelerator, std::int64_t step) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const int rank = accelerator.process_index();
  const std::array<double, 3> special{std::numeric_limits<double>::quiet_NaN(), infinity,
                                      -infinity};
  accelerator.log({{"train", {{"loss", 1.0 / (1.0 + static_cast<double>(step)) + rank}}},
                   {"метрика/量 ñ", step},
                   {"big", ranklog::max(std::int64_t{9007199254740993} + step)},
                   {"by_rank", ranklog::gather(100.0 * rank + 0.5)},
                   {"step", ranklog::first(2 * step)},
                   {"clash", 0.25},
                   {"clash/below", 0.5},
                   {"special", ranklog::first(special[static_cast<std::size_t>(step % 3)])}},
                  step);
  if (step % 1000 == 3) {
    accelerator.log({{"note", "Größe \"" + std::to_string(step) + "\"\tline one\nline two"}}, step);
    const std::vector<double> weights{0, 1, 1, 2, 4};
    accelerator.log_images({{"samples", picture(step)}}, step);
    accelerator.log_histogram("weights", ranklog::Histogram::of(weights, 4), step);
  }
}

ranklog::TrackerSelection selection(const std::string& names) {
  std::vector<std::string> list;
  std::istringstream rest(names);
  for (std::string name; std::getline(rest, name, ',');) list.push_back(name);
  return list;
}

void run(char** arguments, std::optional<std::int64_t> from_step) {
  Accelerator accelerator({.log_with = selection(arguments[3]), .project_dir = arguments[1]});
  ranklog::InitOptions options{
      .run_name = arguments[2],
      .tensorboard = {.statistics = true, .rank_runs = true, .flush_interval_s = 0.05},
      .dvclive = {.flush_interval_s = 0.05}};
  if (from_step) options.resume = ranklog::Resume{.from_step = from_step};
  accelerator.init_trackers("project", configuration(), options);
  const std::int64_t n_steps = std::stoll(arguments[4]);
  for (std::int64_t step = from_step.value_or(0); step < n_steps; ++step) {
    log_step(accelerator, step);
  }
  accelerator.end_training();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  try {
    run(argv, argc > 5 ? std::optional(std::stoll(argv[5])) : std::nullopt);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
