#include "ranklog/progress_bar.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <utility>

#include "accelerator/progress_text.hpp"

namespace ranklog {
namespace {

constexpr std::chrono::milliseconds terminal_interval{100};
constexpr std::chrono::seconds log_interval{10};
constexpr std::size_t default_columns = 80;

// A "dumb" terminal cannot go back to the start of a line and erase it.
bool is_stderr_a_terminal() noexcept {
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

// Asked for at each drawing, because windows are resized. One column stays free: a full line
// makes some terminals wrap.
std::size_t n_terminal_columns() noexcept {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return default_columns - 1;
  return size.ws_col - 1U;
}

void write(const std::string& text) noexcept {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

ProgressBar::ProgressBar(std::int64_t total, std::string label, bool is_shown)
    : total_(std::max<std::int64_t>(total, 0)),
      label_(std::move(label)),
      is_shown_(is_shown),
      is_terminal_(is_shown && is_stderr_a_terminal()),
      started_(Clock::now()),
      last_drawn_(started_) {
  if (is_terminal_) draw();
}

ProgressBar::~ProgressBar() {
  try {
    finish();
  } catch (...) {  // out of memory for the text: a bar is not worth more
  }
}

void ProgressBar::advance(std::int64_t n) {
  if (is_finished_) return;
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  done_ = n > most - done_ ? most : std::max<std::int64_t>(done_ + n, 0);
  if (!is_shown_) return;
  const Clock::duration interval = is_terminal_ ? Clock::duration(terminal_interval) : log_interval;
  if (Clock::now() - last_drawn_ >= interval) draw();
}

void ProgressBar::finish() {
  if (is_finished_) return;
  is_finished_ = true;
  if (!is_shown_) return;
  draw();
  if (is_terminal_) write("\n");
}

std::string ProgressBar::text() const {
  const std::chrono::duration<double> elapsed = Clock::now() - started_;
  const Progress progress{label_, done_, total_, elapsed.count()};
  if (is_terminal_) return progress_bar_text(progress, n_terminal_columns());
  return progress_line_text(progress);
}

void ProgressBar::draw() {
  last_drawn_ = Clock::now();
  // On a terminal: from the start of the line, then erase what is left of a longer one.
  write(is_terminal_ ? fmt::format("\r{}\x1b[K", text()) : fmt::format("{}\n", text()));
}

}  // namespace ranklog
