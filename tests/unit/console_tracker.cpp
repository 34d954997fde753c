// What the console tracker prints, and when.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "support/tracker_records.hpp"
#include "trackers/console/console_line.hpp"
#include "trackers/console/console_tracker.hpp"

namespace {

using namespace ranklog;
using namespace ranklog::test_support;
using trackers::console_lines;
using trackers::console_metric;
using trackers::ConsoleTracker;

// A tracker that prints into a file, with a clock that the test moves.
class Console {
 public:
  explicit Console(Config options = {}) {
    REQUIRE(stream_ != nullptr);
    tracker_.start(context_in({}, std::move(options)));
  }
  ~Console() { std::fclose(stream_); }
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  ConsoleTracker& tracker() { return tracker_; }
  void log(std::int64_t step, const std::string& key, double value) {
    tracker_.log(record_at(step, {real_metric(key, value)}), {});
  }
  void pass(std::chrono::milliseconds time) { now_ += time; }
  std::string printed() {
    std::rewind(stream_);
    std::string text;
    for (int c = std::fgetc(stream_); c != EOF; c = std::fgetc(stream_)) {
      text += static_cast<char>(c);
    }
    return text;
  }

 private:
  std::FILE* stream_ = std::tmpfile();
  ConsoleTracker::Clock::time_point now_ = ConsoleTracker::Clock::now();
  ConsoleTracker tracker_{stream_, [this] { return now_; }};
};

Metric loss_over_ranks() {
  auto metric = real_metric("train/loss", 0.3211);
  metric.statistics = {.count = 4,
                       .weight = 4,
                       .min = 0.298,
                       .max = 0.3554,
                       .mean = 0.3211,
                       .min_rank = 3,
                       .max_rank = 1};
  return metric;
}

}  // namespace

TEST_CASE("a mean is shown with its range and the ranks that hold it") {
  CHECK(console_metric(loss_over_ranks()) == "train/loss 0.3211 [0.2980 r3 .. 0.3554 r1]");
}

TEST_CASE("a sum is shown alone and exact") {
  auto metric = real_metric(metric_info("samples", Kind::integer, Reduction::sum), 0);
  metric.integer_value = 9007199254740993;
  metric.statistics.max = 5000;
  CHECK(console_metric(metric) == "samples 9007199254740993");
}

TEST_CASE("NaN is shown with the first rank that has it") {
  auto metric = real_metric("loss", std::numeric_limits<double>::quiet_NaN());
  metric.statistics.nan_count = 2;
  metric.statistics.first_nan_rank = 5;
  CHECK(console_metric(metric) == "loss NaN (2 NaN, first r5)");
}

TEST_CASE("text cannot send control characters to the terminal and is cut") {
  CHECK(console_metric(text_metric("note", "a\x1b[2Jb")).find('\x1b') == std::string::npos);
  CHECK(console_metric(text_metric("note", std::string(500, 'x'))).size() < 80);
}

TEST_CASE("metrics that do not fit 80 columns go to indented lines, whole") {
  const std::vector<std::string> metrics(5, std::string(30, 'm'));
  const std::string text = console_lines(12, metrics);
  CHECK(text == "step 12  " + metrics[0] + "  " + metrics[0] + "\n      " + metrics[0] + "  " +
                    metrics[0] + "\n      " + metrics[0] + "\n");
}

TEST_CASE("a metric wider than a line stands alone on its line") {
  const std::vector<std::string> metrics{std::string(100, 'm'), "b 1"};
  CHECK(console_lines(1, metrics) == "step 1  " + metrics[0] + "\n      b 1\n");
}

TEST_CASE("columns are counted in characters, not in bytes") {
  std::string wide;
  for (int i = 0; i < 30; ++i) wide += "ü";
  const std::vector<std::string> metrics(2, wide);
  CHECK(console_lines(12, metrics) == "step 12  " + wide + "  " + wide + "\n");
}

TEST_CASE("the first record is printed at once, later ones once per interval") {
  Console console;
  console.log(1, "loss", 4);
  CHECK(console.printed() == "step 1  loss 4.000\n");
  for (int step = 2; step < 10; ++step) {
    console.pass(std::chrono::milliseconds(100));
    console.log(step, "loss", step);
  }
  CHECK(console.printed() == "step 1  loss 4.000\n");
  console.pass(std::chrono::milliseconds(300));
  console.log(10, "loss", 10);
  CHECK(console.printed() == "step 1  loss 4.000\nstep 10  loss 10.00\n");
}

TEST_CASE("the last values of all keys are printed at the end, by step") {
  Console console;
  console.log(1, "loss", 1);
  console.log(3, "loss", 3);
  console.log(2, "eval", 2);
  console.tracker().finish({});
  CHECK(console.printed() == "step 1  loss 1.000\nstep 2  eval 2.000\nstep 3  loss 3.000\n");
}

TEST_CASE("a rare key between frequent ones is not lost") {
  Console console;
  console.log(1, "loss", 1);
  console.log(1, "eval", 5);
  console.log(2, "loss", 2);
  console.pass(std::chrono::seconds(1));
  console.log(3, "loss", 3);
  CHECK(console.printed() == "step 1  loss 1.000\nstep 1  eval 5.000\nstep 3  loss 3.000\n");
}

TEST_CASE("a flush does not print more often than the interval") {
  Console console;
  console.log(1, "loss", 1);
  console.log(2, "loss", 2);
  console.tracker().flush();
  CHECK(console.printed() == "step 1  loss 1.000\n");
  console.pass(std::chrono::seconds(1));
  console.tracker().flush();
  CHECK(console.printed() == "step 1  loss 1.000\nstep 2  loss 2.000\n");
}

TEST_CASE("with an interval of zero every record is printed") {
  Console console({{"interval_s", 0}});
  console.log(1, "loss", 1);
  console.log(2, "loss", 2);
  CHECK(console.printed() == "step 1  loss 1.000\nstep 2  loss 2.000\n");
}

TEST_CASE("options of the console tracker are checked") {
  ConsoleTracker tracker;
  CHECK_THROWS_AS(tracker.start(context_in({}, {{"interval_s", -1}})), UsageError);
  CHECK_THROWS_AS(tracker.start(context_in({}, {{"interval", 1}})), UsageError);
}

TEST_CASE("output that nobody can take is an error, not a crash") {
  std::FILE* full = std::fopen("/dev/full", "w");
  REQUIRE(full != nullptr);
  ConsoleTracker tracker(full);
  tracker.start(context_in({}));
  CHECK_THROWS_AS(tracker.log(record_at(1, {real_metric("loss", 1)}), {}), IoError);
  std::fclose(full);
}
