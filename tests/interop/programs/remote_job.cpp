// A job with every kind of value that the tests of trackers for servers read back, on any number
// of ranks. Arguments: those of job.hpp.
#include <ranklog/ranklog.hpp>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "job.hpp"

namespace {

using ranklog::interop::Arguments;

void log_files(ranklog::Accelerator& accelerator, const Arguments& arguments) {
  std::vector<std::uint8_t> pixels;
  for (int i = 0; i < 8 * 4 * 3; ++i) pixels.push_back(static_cast<std::uint8_t>(i * 2));
  accelerator.log_images({{"samples/first", ranklog::Image(8, 4, 3, pixels)}}, 10);
  accelerator.log_table("results", ranklog::Table({"name", "score"}, {{"a", 0.5}, {"b", 1.5}}), 10);
  accelerator.log_figure(ranklog::Figure("plots/curve one.svg", "<svg/>"));
  if (!accelerator.is_main_process()) return;
  const std::string path = arguments.directory + "/notes.txt";
  if (std::FILE* file = std::fopen(path.c_str(), "w")) {
    std::fputs("kept with the run\n", file);
    std::fclose(file);
  }
  accelerator.log_artifact(path, "notes");
}

void log_step(ranklog::Accelerator& accelerator, std::int64_t step) {
  const double rank = accelerator.process_index();
  const double at = static_cast<double>(step);
  accelerator.log({{"train/loss", 1 / (at + 1) + rank},
                   {"train", at / 2},
                   {"späße/日本", at},
                   {"acc@5 (%)", at},
                   {"big", ranklog::max((std::int64_t{1} << 53) + 1 + 2 * step)}},
                  step);
  if (step % 100 == 0) {
    accelerator.log({{"weird",
                      {{"nan", std::nan("")},
                       {"inf", std::numeric_limits<double>::infinity()},
                       {"ninf", -std::numeric_limits<double>::infinity()}}}},
                    step);
  }
  if (step % 1000 == 0) accelerator.log({{"note", "step " + std::to_string(step)}}, step);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const Arguments arguments(argc, argv);
  ranklog::Accelerator accelerator(
      {.log_with = arguments.tracker_list(),
       .project_dir = arguments.directory,
       .remote_deadline = std::chrono::milliseconds(arguments.deadline_ms),
       .stop_on_signals = arguments.stop_at >= 0 ? std::vector{SIGTERM} : std::vector<int>{}});
  ranklog::InitOptions options{.run_name = "run"};
  if (arguments.resume == "yes") options.resume = ranklog::Resume{arguments.first};
  options.mlflow.description = "a job";
  options.comet_ml.max_requests_per_s = static_cast<double>(arguments.rate);
  if (arguments.timeout_ms > 0) {
    options.mlflow.request_timeout_s = arguments.timeout_s();
    options.clearml.request_timeout_s = arguments.timeout_s();
    options.comet_ml.request_timeout_s = arguments.timeout_s();
  }
  accelerator.init_trackers("interop",
                            {{"learning_rate", 1e-2},
                             {"shuffle", true},
                             {"nothing", nullptr},
                             {"layers", std::vector<int>{64, 32}},
                             {"optimizer", {{"name", "adam"}, {"späße (%)", 1}}},
                             {"too_long", std::string(7000, 'x')}},
                            options);
  if (arguments.with_files != 0) log_files(accelerator, arguments);
  if (arguments.with_extras != 0) {
    accelerator.log({{"best", 0.25}});
    accelerator.log_histogram("weights", ranklog::Histogram({0, 1, 3}, {5, 7}), 10);
  }
  if (arguments.kill_after_ms > 0 && accelerator.is_main_process()) {
    std::thread([after = std::chrono::milliseconds(arguments.kill_after_ms)] {
      std::this_thread::sleep_for(after);
      std::raise(SIGKILL);
    }).detach();
  }
  ranklog::interop::run_steps(accelerator, arguments, log_step);
  accelerator.end_training();
}
