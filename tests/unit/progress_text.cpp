#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "accelerator/progress_text.hpp"

using ranklog::Progress;
using ranklog::progress_bar_text;
using ranklog::progress_line_text;

TEST_CASE("a bar shows share, count, rate and the time that is left") {
  CHECK(progress_bar_text({"train", 420, 1000, 42}, 62) ==
        "train  42% [========>            ] 420/1000, 10.0/s, 0:58 left");
  CHECK(progress_bar_text({"train", 1000, 1000, 100}, 62) ==
        "train 100% [=================] 1000/1000, 10.0/s, 1:40 elapsed");
}

TEST_CASE("a line for a log file has no bar") {
  CHECK(progress_line_text({"train", 420, 1000, 42}) == "train: 420/1000 (42%), 10.0/s, 0:58 left");
  CHECK(progress_line_text({"", 420, 1000, 42}) == "420/1000 (42%), 10.0/s, 0:58 left");
}

TEST_CASE("before the first step nothing is said about speed") {
  CHECK(progress_line_text({"train", 0, 1000, 5}) == "train: 0/1000 (0%)");
  CHECK(progress_line_text({"train", 3, 1000, 0}) == "train: 3/1000 (0%)");
}

TEST_CASE("an unknown total shows count, rate and the time so far") {
  CHECK(progress_line_text({"read", 50, 0, 4000}) == "read: 50, 0.013/s, 1:06:40 elapsed");
  CHECK(progress_bar_text({"read", 50, 0, 100}, 80) == "read 50, 0.5/s, 1:40 elapsed");
}

TEST_CASE("a share is rounded down, so that 100% means done") {
  CHECK(progress_line_text({"", 999, 1000, 0}) == "999/1000 (99%)");
}

TEST_CASE("more than the total is shown as counted, with a full bar") {
  const std::string text = progress_bar_text({"a", 15, 10, 1}, 80);
  CHECK(text.find("100% [====") != text.npos);
  CHECK(text.find("15/10") != text.npos);
  CHECK(text.find("left") == text.npos);
}

TEST_CASE("a bar fits every width and drops the bar first and the label last") {
  const Progress progress{"train", 420, 1000, 42};
  for (std::size_t n_columns = 0; n_columns <= 200; ++n_columns) {
    CAPTURE(n_columns);
    CHECK(progress_bar_text(progress, n_columns).size() <= n_columns);
  }
  CHECK(progress_bar_text(progress, 45) == "train  42% 420/1000, 10.0/s, 0:58 left");
  CHECK(progress_bar_text(progress, 30) == "train  42% 420/1000");
  CHECK(progress_bar_text(progress, 3) == "tra");
}

TEST_CASE("a label is counted in characters and cannot control the terminal") {
  CHECK(progress_bar_text({"é\u00fcß", 1, 0, 0}, 5) == "éüß 1");
  CHECK(progress_bar_text({"éüß", 1, 0, 0}, 2) == "éü");
  CHECK(progress_line_text({"a\x1b[2J\n", 1, 0, 0}).find_first_of("\x1b\n") == std::string::npos);
}

TEST_CASE("extreme numbers do not break the text") {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  CHECK(progress_line_text({"", 1, most, 1e9}).find("over 100 hours left") != std::string::npos);
  CHECK(progress_line_text({"", most, most, 1e-9}).find("(100%)") != std::string::npos);
  CHECK(progress_line_text({"", 12345678, 0, 1}).find("1.23e+07/s") != std::string::npos);
}
