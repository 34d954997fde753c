// The text of a progress bar, apart from clocks and terminals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ranklog {

struct Progress {
  std::string_view label;
  std::int64_t done = 0;
  std::int64_t total = 0;  // 0: unknown
  double elapsed_s = 0;
};

// "train  42% [========>           ] 420/1000, 12.3/s, 0:47 left", at most `n_columns` wide: what
// does not fit is left out, the bar first and the label last.
[[nodiscard]] std::string progress_bar_text(const Progress& progress, std::size_t n_columns);

// The same without a bar and of any width, for log files: "train: 420/1000 (42%), 12.3/s, 0:47
// left".
[[nodiscard]] std::string progress_line_text(const Progress& progress);

}  // namespace ranklog
