// A job with every kind of value that the tests of trackers for servers read back, on any number
// of ranks. Arguments: <directory> [name=value]...; see Arguments for the names.
#include <ranklog/ranklog.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

struct Arguments {
  std::string directory;
  std::int64_t first = 0;
  std::int64_t steps = 1020;
  std::int64_t pause_us = 0;         // after each step
  std::int64_t deadline_ms = 60000;  // of end_training, for remote trackers
  std::int64_t timeout_ms = 0;       // of a request; 0: the default
  std::int64_t with_files = 1;       // an image, a table and an artifact, too
  std::int64_t rate = 100000;        // of requests, for comet_ml
  std::int64_t with_extras = 0;      // a value without a step and a histogram, too
  std::int64_t kill_after_ms = 0;    // rank 0 ends by SIGKILL then; 0: not
  std::int64_t stop_at = -1;         // the step at which the last rank gets SIGTERM; -1: none
  std::string trackers = "hdf5,mlflow";
  std::string resume = "no";

  Arguments(int argc, char** argv) : directory(argv[1]) {
    for (int i = 2; i < argc; ++i) {
      const std::string_view argument(argv[i]);
      const auto equals = argument.find('=');
      const auto name = argument.substr(0, equals);
      const auto value = argument.substr(equals + 1);
      const auto set = [&](std::string_view wanted, std::int64_t& number) {
        if (name == wanted) std::from_chars(value.data(), value.data() + value.size(), number);
      };
      set("first", first);
      set("steps", steps);
      set("pause_us", pause_us);
      set("deadline_ms", deadline_ms);
      set("timeout_ms", timeout_ms);
      set("with_files", with_files);
      set("rate", rate);
      set("with_extras", with_extras);
      set("kill_after_ms", kill_after_ms);
      set("stop_at", stop_at);
      if (name == "trackers") trackers = value;
      if (name == "resume") resume = value;
    }
  }

  [[nodiscard]] std::vector<std::string> tracker_list() const {
    std::vector<std::string> list;
    for (std::size_t at = 0; at <= trackers.size();) {
      const auto end = std::min(trackers.find(',', at), trackers.size());
      list.push_back(trackers.substr(at, end - at));
      at = end + 1;
    }
    return list;
  }
};

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
    const double seconds = static_cast<double>(arguments.timeout_ms) / 1000;
    options.mlflow.request_timeout_s = seconds;
    options.clearml.request_timeout_s = seconds;
    options.comet_ml.request_timeout_s = seconds;
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
  double longest_s = 0;
  for (std::int64_t step = arguments.first; step < arguments.steps; ++step) {
    const auto begin = std::chrono::steady_clock::now();
    log_step(accelerator, step);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    longest_s = std::max(longest_s, took.count());
    if (arguments.stop_at >= 0) {
      const bool is_last = accelerator.process_index() + 1 == accelerator.num_processes();
      if (is_last && step == arguments.stop_at) std::raise(SIGTERM);
      if (accelerator.should_stop()) break;
    }
    if (arguments.pause_us > 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(arguments.pause_us));
    }
  }
  if (accelerator.is_main_process()) std::printf("longest step %.3f s\n", longest_s);
  accelerator.end_training();
}
