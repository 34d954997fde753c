// A job with every kind of value that test_aim.py reads back from Aim, on any number of ranks.
// Arguments: those of job.hpp.
#include <ranklog/ranklog.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "job.hpp"

namespace {

ranklog::Image gradient(int width, int height) {
  std::vector<std::uint8_t> pixels;
  for (int i = 0; i < width * height * 3; ++i) pixels.push_back(static_cast<std::uint8_t>(i * 2));
  return {width, height, 3, pixels};
}

void log_files(ranklog::Accelerator& accelerator) {
  accelerator.log_images({{"samples/first", gradient(8, 4)}}, 10);
  accelerator.log_images(
      {{"samples/pair", std::vector<ranklog::Image>{gradient(2, 2), gradient(4, 4)}}}, 11);
  accelerator.log_images({{"samples/large", gradient(700, 500)}}, 12);
  accelerator.log_histogram("weights", ranklog::Histogram({0, 1, 2, 3, 4}, {1, 0, 5, 2}), 10);
  accelerator.log_histogram("uneven", ranklog::Histogram({0, 1, 5}, {1, 2}), 10);
  accelerator.log_table("results", ranklog::Table({"name", "score"}, {{"a", 0.5}}), 10);
}

void log_step(ranklog::Accelerator& accelerator, std::int64_t step) {
  const double rank = accelerator.process_index();
  const double at = static_cast<double>(step);
  accelerator.log({{"train/loss", 1 / (at + 1) + rank},
                   {"späße/日本", at},
                   {"big", ranklog::max((std::int64_t{1} << 60) + 1 + 2 * step)}},
                  step);
  if (step % 10 == 0) {
    accelerator.log({{"weird/nan", std::nan("")},
                     {"weird/inf", std::numeric_limits<double>::infinity()},
                     {"by_rank", ranklog::gather(rank + at)}},
                    step);
    accelerator.log(
        {{"val/loss", at / 2}}, step,
        {.tracker_options = {{"aim", {{"context", {{"subset", "val"}}}, {"epoch", step / 10}}}}});
  }
  if (step % 100 == 0) accelerator.log({{"note", "späße, step " + std::to_string(step)}}, step);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const ranklog::interop::Arguments arguments(argc, argv);
  ranklog::Accelerator accelerator(
      {.log_with = {"hdf5", "aim"},
       .project_dir = arguments.directory,
       .remote_deadline = std::chrono::milliseconds(arguments.deadline_ms)});
  ranklog::InitOptions options{.run_name = "run"};
  if (arguments.resume == "yes") options.resume = ranklog::Resume{arguments.first};
  ranklog::Config of_aim{{"description", "a job"},
                         {"tags", std::vector<std::string>{"nightly", "späße"}},
                         {"context", {{"cluster", "test"}}}};
  if (arguments.timeout_ms > 0) of_aim.set("request_timeout_s", arguments.timeout_s());
  options.tracker_options["aim"] = std::move(of_aim);
  accelerator.init_trackers("interop",
                            {{"learning_rate", 1e-2},
                             {"shuffle", true},
                             {"nothing", nullptr},
                             {"layers", std::vector<int>{64, 32}},
                             {"optimizer", {{"name", "adam"}, {"späße (%)", 1}}},
                             {"empty", ranklog::Config()},
                             {"long", std::string(7000, 'x')}},
                            options);
  if (arguments.with_files != 0) log_files(accelerator);
  ranklog::interop::run_steps(accelerator, arguments, log_step);
  accelerator.end_training();
}
