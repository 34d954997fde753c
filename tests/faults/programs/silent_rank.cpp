// One rank falls silent in the middle:
//   faults_silent_rank RANK HOW POLICY WATCHDOG_MS N_STEPS
// HOW: "sleeps" or "computes" until the file "awake" is there, or "stops" itself until it is
// continued. POLICY: wait, carry_on or abort. Lines on stdout: "pid RANK PID", "silent RANK",
// "awake RANK", "ended RANK" after end_training, and what rank 0's tracker received as "rows ...".
#include <fmt/format.h>
#include <mpi.h>
#include <unistd.h>
#include <ranklog/memory_tracker.hpp>
#include <ranklog/ranklog.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr int silent_at = 20;
constexpr std::chrono::milliseconds step_time{20};

template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print("{}\n", fmt::format(format, std::forward<Args>(args)...));
  std::fflush(stdout);
}

void fall_silent(std::string_view how) {
  const auto is_awake = [] { return ::access("awake", F_OK) == 0; };
  if (how == "stops") {
    std::raise(SIGSTOP);
  } else if (how == "sleeps") {
    while (!is_awake()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  } else {
    volatile double x = 0;
    while (!is_awake()) {
      for (int i = 0; i < 1'000'000; ++i) x = x + 1;
    }
  }
}

ranklog::WatchdogPolicy policy_of(std::string_view name) {
  if (name == "carry_on") return ranklog::WatchdogPolicy::carry_on;
  return name == "abort" ? ranklog::WatchdogPolicy::abort : ranklog::WatchdogPolicy::wait;
}

// Rows by how many ranks they hold, and how the run ended.
void say_what_came(const ranklog::MemoryTracker& memory, int n_ranks) {
  std::vector<int> n_rows(static_cast<std::size_t>(n_ranks) + 1, 0);
  for (const auto& row : memory.series("loss"))
    ++n_rows[static_cast<std::size_t>(row.statistics.count)];
  std::string text;
  for (int count = 1; count <= n_ranks; ++count)
    text += fmt::format(" {}:{}", count, n_rows[static_cast<std::size_t>(count)]);
  const auto outcome = memory.outcome();
  say("rows{} status {} {}", text, to_string(outcome->status), outcome->reason);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  MPI_Init(&argc, &argv);
  const auto memory = std::make_shared<ranklog::MemoryTracker>();
  ranklog::Accelerator accelerator(
      {.log_with = memory,
       .flush_interval = std::chrono::milliseconds(200),
       .watchdog = {.time = std::chrono::milliseconds(std::atoi(argv[4])),
                    .policy = policy_of(argv[3])}});
  accelerator.init_trackers("faults");
  const int rank = accelerator.process_index();
  const int n_steps = std::atoi(argv[5]);
  say("pid {} {}", rank, ::getpid());
  for (int step = 0; step < n_steps; ++step) {
    accelerator.log({{"loss", 1.0 + rank}}, step);
    std::this_thread::sleep_for(step_time);
    if (rank == std::atoi(argv[1]) && step == silent_at) {
      say("silent {}", rank);
      fall_silent(argv[2]);
      say("awake {}", rank);
    }
  }
  accelerator.end_training();
  say("ended {}", rank);
  if (rank == 0) say_what_came(*memory, accelerator.num_processes());
  MPI_Finalize();
}
