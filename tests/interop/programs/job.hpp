// What the jobs share that log to servers: their arguments, and the loop that times each step.
#pragma once

#include <ranklog/ranklog.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace ranklog::interop {

// <directory> [name=value]...
struct Arguments {
  std::string directory;
  std::int64_t first = 0;
  std::int64_t steps = 300;
  std::int64_t pause_us = 0;         // after each step
  std::int64_t deadline_ms = 60000;  // of end_training, for remote trackers
  std::int64_t timeout_ms = 0;       // of a request; 0: the default
  std::int64_t with_files = 1;       // images and other files, too
  std::int64_t rate = 100000;        // of requests, for comet_ml
  std::int64_t with_extras = 0;      // a value without a step and a histogram, too
  std::int64_t kill_after_ms = 0;    // rank 0 ends by SIGKILL then; 0: not
  std::int64_t stop_at = -1;         // the step at which the last rank gets SIGTERM; -1: none
  std::string trackers = "hdf5";
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

  [[nodiscard]] double timeout_s() const { return static_cast<double>(timeout_ms) / 1000; }
};

// Calls log_step(accelerator, step) for each step. Rank 0 says how long the longest call took.
template <class LogStep>
void run_steps(Accelerator& accelerator, const Arguments& arguments, LogStep log_step) {
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
}

}  // namespace ranklog::interop
