#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <string>

#include "ranklog/progress_bar.hpp"
#include "support/scratch_directory.hpp"

namespace {

// What `body` writes to stderr, which is a file meanwhile, hence no terminal.
std::string stderr_of(const std::function<void()>& body) {
  const ranklog::test_support::ScratchDirectory scratch;
  const auto path = scratch.path() / "stderr";
  const int saved = ::dup(STDERR_FILENO);
  const int file = ::open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  ::dup2(file, STDERR_FILENO);
  body();
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  ::close(file);
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("outside of a terminal a short loop prints one plain line, at its end") {
  const std::string text = stderr_of([] {
    ranklog::ProgressBar bar(1000, "train", true);
    for (int i = 0; i < 1000; ++i) bar.advance();
  });
  CHECK(text.starts_with("train: 1000/1000 (100%), "));
  CHECK(text.ends_with(" elapsed\n"));
  CHECK(text.find_first_of("\r\x1b") == text.npos);
  CHECK(text.find('\n') == text.size() - 1);
}

TEST_CASE("a bar that is not shown prints nothing") {
  CHECK(stderr_of([] {
          ranklog::ProgressBar bar(10, "train", false);
          bar.advance(10);
          bar.finish();
        }) == "");
}

TEST_CASE("finishing twice, or advancing afterwards, prints nothing more") {
  const std::string text = stderr_of([] {
    ranklog::ProgressBar bar(10, "train", true);
    bar.advance(4);
    bar.finish();
    bar.advance(6);
    bar.finish();
  });
  CHECK(text.starts_with("train: 4/10 (40%)"));
  CHECK(text.find('\n') == text.size() - 1);
}

TEST_CASE("counts stay within their range") {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  CHECK(stderr_of([] {
          ranklog::ProgressBar bar(-5, "a", true);
          bar.advance(-3);
        }).starts_with("a: 0\n"));
  CHECK(stderr_of([] {
          ranklog::ProgressBar bar(0, "a", true);
          bar.advance(most);
          bar.advance(most);
        }).starts_with("a: 9223372036854775807, "));
}
