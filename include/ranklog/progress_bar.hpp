// A progress bar that only the main process draws.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ranklog {

// On a terminal: one line, redrawn at most ten times a second. Otherwise (a log file, a pipe):
// a plain line at most every ten seconds, and one at the end. Writes to stderr.
class ProgressBar {
 public:
  // Draws nothing if `is_shown` is false; Accelerator::progress_bar passes is_main_process().
  // `total` 0: unknown length.
  ProgressBar(std::int64_t total, std::string label, bool is_shown);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void advance(std::int64_t n = 1);
  // Draws the last state and ends the line. Idempotent; the destructor calls it.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] std::string text() const;
  void draw();

  std::int64_t total_;
  std::int64_t done_ = 0;
  std::string label_;
  bool is_shown_;
  bool is_terminal_;
  bool is_finished_ = false;
  Clock::time_point started_;
  Clock::time_point last_drawn_;
};

}  // namespace ranklog
