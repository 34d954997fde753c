// A job with every kind of value, into the trackers that test_sync.py names, on any number of
// ranks. Arguments: <directory> <trackers, by commas> [first] [end] [pause in us] [deadline in ms].
// A first step above 0 resumes the run from there.
#include <ranklog/ranklog.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

void log_step(ranklog::Accelerator& accelerator, std::int64_t step) {
  const double rank = accelerator.process_index();
  const double at = static_cast<double>(step);
  const std::vector<double> span{at, at + rank, at + 0.5};
  accelerator.log({{"train/loss", 1 / (at + 1) + rank},
                   {"samples", ranklog::sum(3 * step)},
                   {"big", ranklog::max((std::int64_t{1} << 60) + step)},
                   {"is_even", step % 2 == 0},
                   {"by_rank", ranklog::gather(at + rank)},
                   {"späße/日本", at / 3}},
                  step);
  if (step % 5 == 0) {
    accelerator.log(
        {{"eval/acc", at / 7}, {"spans", ranklog::gather(std::span<const double>(span))}}, step);
  }
  if (step % 10 == 0) {
    accelerator.log(
        {{"note", "step " + std::to_string(step) + " Größe"},
         {"host", ranklog::gather("rank " + std::to_string(accelerator.process_index()))},
         {"weird/nan", rank == 0 ? std::nan("") : at},
         {"weird/inf", std::numeric_limits<double>::infinity()}},
        step);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const auto number = [&](int i, std::int64_t fallback) {
    return argc > i ? std::strtoll(argv[i], nullptr, 10) : fallback;
  };
  const std::int64_t first = number(3, 0);
  const std::int64_t end = number(4, 60);
  ranklog::Accelerator accelerator(
      {.log_with = split(argv[2]),
       .project_dir = argv[1],
       .remote_deadline = std::chrono::milliseconds(number(6, 60000))});
  accelerator.define_metric("train/loss", {.unit = "nat", .long_name = "training loss"});
  ranklog::InitOptions options{.run_name = "run"};
  options.comet_ml.max_requests_per_s = 1e5;  // a server on loopback has no limit
  if (first > 0) options.resume = ranklog::Resume{first};
  accelerator.init_trackers("sync",
                            {{"learning_rate", 1e-2},
                             {"shuffle", true},
                             {"nothing", nullptr},
                             {"layers", std::vector<int>{64, 32}},
                             {"optimizer", {{"name", "adäm"}, {"beta", 0.9}}}},
                            options);
  for (std::int64_t step = first; step < end; ++step) {
    log_step(accelerator, step);
    std::this_thread::sleep_for(std::chrono::microseconds(number(5, 0)));
  }
  accelerator.end_training();
}
