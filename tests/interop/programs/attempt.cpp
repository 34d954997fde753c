// One attempt at a run whose values follow from the step alone, for test_resume.py, test_live.py
// and test_damage.py: interop_attempt PROJECT_DIR RUN_NAME FIRST END STEPS_PER_S HOW, where HOW is
// new, resume (from FIRST) or auto. STEPS_PER_S 0: as fast as it goes. Ends early when told to.
#include <ranklog/ranklog.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>

namespace {

ranklog::InitOptions options_for(std::string_view how, const char* name, std::int64_t first) {
  ranklog::InitOptions options{.run_name = name};
  if (how == "resume") options.resume = ranklog::Resume{.from_step = first};
  if (how == "auto") options.resume = ranklog::Resume::automatic();
  options.tracker_options = {{"hdf5", {{"flush_interval_s", 0.6}}}};
  return options;
}

int record(char** argv) {
  const std::int64_t end = std::stoll(argv[4]);
  const double steps_per_s = std::stod(argv[5]);
  ranklog::Accelerator accelerator({.log_with = "hdf5",
                                    .project_dir = argv[1],
                                    .flush_interval = std::chrono::milliseconds(600),
                                    .stop_on_signals = {SIGTERM, SIGUSR1}});
  accelerator.init_trackers("attempts", {{"how", argv[6]}, {"nested", {{"a", 1}}}, {"last", 2}},
                            options_for(argv[6], argv[2], std::stoll(argv[3])));
  const int rank = accelerator.process_index();
  const std::int64_t first =
      std::string_view(argv[6]) == "auto" ? accelerator.first_step() : std::stoll(argv[3]);
  auto next = std::chrono::steady_clock::now();
  std::int64_t step = first;
  for (; step < end; ++step) {
    const auto x = static_cast<double>(step);
    ranklog::Dict values;
    values.set("loss", x);
    values.set("n", ranklog::sum(step));
    values.set("each", ranklog::gather(x + rank / 2.0));
    values.set("note", "step " + std::to_string(step));
    if (step % 7 == 0) values.set("loss/rare", -x);
    accelerator.log(values, step);
    if (step % 16 == 0 && accelerator.should_stop()) break;
    if (steps_per_s > 0) {
      next += std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / steps_per_s));
      std::this_thread::sleep_until(next);
    }
  }
  accelerator.end_training();
  if (accelerator.is_main_process())
    std::printf("ended before step %ld\n", static_cast<long>(step));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  try {
    return record(argv);
  } catch (const ranklog::Error& error) {
    std::fprintf(stderr, "%s: %s\n", std::string(to_string(error.code())).c_str(), error.what());
    return 3;
  }
}
