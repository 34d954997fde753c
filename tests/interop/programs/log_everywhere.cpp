// One job on all trackers at once, for test_all_trackers.py; what it logs follows from the step.
//   interop_log_everywhere <directory> <trackers, by commas> <from_step> <end_step> [paced]
// from_step above 0 goes on with the run that is there. With `paced`, it logs a thousand steps a
// second, flushes after every hundred, and tells its process id and the last step of each flush.
#include <unistd.h>
#include <ranklog/ranklog.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using ranklog::Accelerator;
using ranklog::Config;

struct Arguments {
  std::string directory;
  std::vector<std::string> trackers;
  std::int64_t from_step = 0;
  std::int64_t end_step = 0;
  bool is_paced = false;
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

Config configuration() {
  return {{"learning_rate", 1e-5},
          {"seed", std::int64_t{9007199254740993}},
          {"nesterov", true},
          {"optimizer", {{"name", "adäm"}, {"betas", std::vector{0.9, 0.999}}}},
          {"größe", {{"日本", 7}}}};
}

void log_step(Accelerator& accelerator, std::int64_t step) {
  const int rank = accelerator.process_index();
  accelerator.log({{"train", {{"loss", 1.0 / (1.0 + static_cast<double>(step)) + rank}}},
                   {"späße/日本", step},
                   {"big", ranklog::max(std::int64_t{9007199254740993} + 2 * step)}},
                  step);
  if (step % 50 == 0) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const std::array<double, 3> special{std::numeric_limits<double>::quiet_NaN(), infinity,
                                        -infinity};
    const auto which = static_cast<std::size_t>(step / 50 % 3);
    accelerator.log({{"special", ranklog::first(special[which])}}, step);
  }
  if (step % 1000 == 3) {
    accelerator.log({{"note", "Größe \"" + std::to_string(step) + "\"\nline two"}}, step);
    std::array<std::uint8_t, 4 * 2 * 3> pixels{};
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      pixels[i] = static_cast<std::uint8_t>(10 * i + static_cast<std::size_t>(step / 1000));
    }
    accelerator.log_images({{"samples", ranklog::Image(4, 2, 3, pixels)}}, step);
  }
}

void tell(Accelerator& accelerator, const char* what, std::int64_t number) {
  if (!accelerator.is_main_process()) return;
  std::printf("%s %lld\n", what, static_cast<long long>(number));
  std::fflush(stdout);
}

void run(const Arguments& arguments) {
  Accelerator accelerator({.log_with = arguments.trackers,
                           .project_dir = arguments.directory,
                           .remote_deadline = std::chrono::seconds(200)});
  tell(accelerator, "process", ::getpid());
  ranklog::InitOptions options{.run_name = "run",
                               .tensorboard = {.flush_interval_s = 0.05},
                               .dvclive = {.flush_interval_s = 0.05}};
  options.resume = ranklog::Resume::automatic(arguments.from_step);
  accelerator.init_trackers("project", configuration(), options);
  auto next = std::chrono::steady_clock::now();
  for (std::int64_t step = arguments.from_step; step < arguments.end_step; ++step) {
    log_step(accelerator, step);
    if (!arguments.is_paced) continue;
    std::this_thread::sleep_until(next += std::chrono::milliseconds(1));
    if (step % 100 != 99) continue;
    accelerator.flush();
    tell(accelerator, "flushed", step);
  }
  accelerator.end_training();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  try {
    run({argv[1], split(argv[2]), std::stoll(argv[3]), std::stoll(argv[4]),
         argc > 5 && std::string_view(argv[5]) == "paced"});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
