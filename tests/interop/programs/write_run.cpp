// Logs values that test_run_file.py knows, on any number of ranks, into <argv[1]>/known/run.
// With "killed" as second argument rank 0 ends by SIGKILL after a flush, without end_training().
#include <ranklog/ranklog.hpp>

#include <csignal>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace {

constexpr int n_steps = 50;

void log_steps(ranklog::Accelerator& accelerator) {
  const int rank = accelerator.process_index();
  for (std::int64_t step = 0; step < n_steps; ++step) {
    const double loss = static_cast<double>(step) + rank;
    accelerator.log({{"train/loss", loss},
                     {"train/samples", ranklog::sum(std::int64_t{1} << 60 >> rank)},
                     {"loss_by_rank", ranklog::gather(loss)}},
                    step);
    if (step % 10 == 0) {
      const std::vector<double> span{loss, loss + 0.5};
      accelerator.log({{"eval", {{"loss", loss}, {"loss/aux", -loss}}},
                       {"eval/value", std::numeric_limits<double>::quiet_NaN()},
                       {"eval", 1.0},
                       {"spans", ranklog::gather(std::span<const double>(span))},
                       {"note", "Grüße"}},
                      step);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  ranklog::Accelerator accelerator({.log_with = "hdf5", .project_dir = argv[1]});
  accelerator.define_metric("train/loss", {.unit = "nat", .long_name = "training loss"});
  accelerator.init_trackers("known",
                            {{"learning_rate", 1e-2},
                             {"batch_size", 32},
                             {"shuffle", true},
                             {"nothing", nullptr},
                             {"layers", std::vector<int>{64, 32}},
                             {"optimizer", {{"name", "adam"}}}},
                            {.run_name = "run"});
  log_steps(accelerator);
  if (argc > 2 && std::string_view(argv[2]) == "killed") {
    accelerator.flush();
    if (accelerator.is_main_process()) std::raise(SIGKILL);
    accelerator.wait_for_everyone();
  }
  accelerator.end_training();
}
