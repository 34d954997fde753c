// What a remote tracker costs the training loop. Time per step of log() with 16 numbers, 1,000
// steps a second, rank 0 writing run.h5: without a remote tracker, and with mlflow whose server
// takes connections and never answers. Ratios: time in log(), the calling thread's processor time
// in it (less noise on a busy machine), and the loop with a millisecond of work each step. With
// --server URL also against that server, with the time until all was delivered
// (bench/vendor_clients.py).
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>

#include "ranklog/ranklog.hpp"
#include "support/report.hpp"
#include "support/scratch.hpp"

namespace {

using namespace ranklog::bench;
using Clock = std::chrono::steady_clock;
constexpr int n_keys = 16;
constexpr auto pause = std::chrono::microseconds(1000);

// Takes connections into its backlog and never looks at them.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t n_bytes = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_, generic, n_bytes) != 0 || ::listen(socket_, 64) != 0 ||
        ::getsockname(socket_, generic, &n_bytes) != 0) {
      throw std::runtime_error("no socket on loopback");
    }
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(socket_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int socket_;
  int port_ = 0;
};

// For each repetition, the slowest rank's.
struct Cost {
  std::vector<double> ns_per_step;       // in log()
  std::vector<double> cpu_ns_per_step;   // of the calling thread in log()
  std::vector<double> loop_ns_per_step;  // with the pause that stands for the step's work
  double delivered_ns_per_step = 0;      // from the first log() to the end of end_training()
};

double thread_cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

Cost run_job(const Sizes& sizes, const std::string& directory, const std::string& server,
             std::chrono::milliseconds deadline) {
  std::vector<std::string> trackers{"hdf5"};
  if (!server.empty()) trackers.emplace_back("mlflow");
  ranklog::Accelerator accelerator(
      {.log_with = trackers, .project_dir = directory, .remote_deadline = deadline});
  ranklog::InitOptions options{.run_name = server.empty() ? "local" : "remote"};
  if (!server.empty()) options.mlflow.tracking_uri = server;
  accelerator.init_trackers("bench", ranklog::Config{}, options);
  std::vector<std::string> names;
  for (int i = 0; i < n_keys; ++i) names.push_back("metric_" + std::to_string(i));
  std::vector<ranklog::Item> items;
  Cost cost;
  const auto begin = Clock::now();
  std::int64_t step = 0;
  for (int repetition = 0; repetition <= sizes.n_repetitions; ++repetition) {
    std::chrono::duration<double, std::nano> in_log{0};
    double cpu_in_log = 0;
    const auto loop_start = Clock::now();
    for (int i = 0; i < sizes.n_steps; ++i, ++step) {
      items.clear();
      for (const auto& name : names) items.emplace_back(name, 0.1 * static_cast<double>(step));
      const double cpu_start = thread_cpu_ns();
      const auto start = Clock::now();
      accelerator.log(items, step);
      in_log += Clock::now() - start;
      cpu_in_log += thread_cpu_ns() - cpu_start;
      std::this_thread::sleep_for(pause);
    }
    const std::chrono::duration<double, std::nano> in_loop = Clock::now() - loop_start;
    const double slowest = max_over_ranks(in_log.count()) / sizes.n_steps;
    const double slowest_cpu = max_over_ranks(cpu_in_log) / sizes.n_steps;
    const double slowest_loop = max_over_ranks(in_loop.count()) / sizes.n_steps;
    if (repetition == 0) continue;
    cost.ns_per_step.push_back(slowest);
    cost.cpu_ns_per_step.push_back(slowest_cpu);
    cost.loop_ns_per_step.push_back(slowest_loop);
  }
  accelerator.end_training();
  const std::chrono::duration<double, std::nano> whole = Clock::now() - begin;
  cost.delivered_ns_per_step = max_over_ranks(whole.count()) / static_cast<double>(step);
  return cost;
}

void report_ratios(Report& report, const std::string& which, const Cost& remote,
                   const Cost& local) {
  const auto ratio = [](const std::vector<double>& a, const std::vector<double>& b) {
    return median(a) / median(b);
  };
  report.add("ratio." + which, "1", ratio(remote.ns_per_step, local.ns_per_step));
  report.add("cpu_ratio." + which, "1", ratio(remote.cpu_ns_per_step, local.cpu_ns_per_step));
  report.add("loop_ratio." + which, "1", ratio(remote.loop_ns_per_step, local.loop_ns_per_step));
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  Sizes sizes{.n_repetitions = 5, .n_steps = 400};
  std::string server;
  for (int i = 1; i + 1 < argc; ++i) {
    const std::string_view name(argv[i]);
    const std::string_view value(argv[i + 1]);
    if (name == "--server") server = value;
    if (name == "--steps") {
      std::from_chars(value.data(), value.data() + value.size(), sizes.n_steps);
    }
  }
  int status = 0;
  {
    const ScratchDirectory scratch;
    const std::string directory = scratch.path();
    Report report("remote_cost", sizes);
    const SilentServer silent;
    const auto at_once = std::chrono::milliseconds(0);
    const auto local = run_job(sizes, directory + "/a", "", at_once);
    const auto dead = run_job(sizes, directory + "/b", silent.url(), at_once);
    report.add("log.local", "ns/step", local.ns_per_step);
    report.add("log.dead_server", "ns/step", dead.ns_per_step);
    report_ratios(report, "dead_server", dead, local);
    if (!server.empty()) {
      const auto live = run_job(sizes, directory + "/c", server, std::chrono::minutes(10));
      report.add("log.live_server", "ns/step", live.ns_per_step);
      report.add("delivered.live_server", "ns/step", live.delivered_ns_per_step);
      report_ratios(report, "live_server", live, local);
    }
    status = report.finish(true);
  }
  MPI_Finalize();
  return status;
}
