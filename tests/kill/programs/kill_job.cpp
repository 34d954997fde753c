// A job that logs at full speed until somebody kills it. After each flush() that returned, rank 0
// appends the number of rows so far to DIRECTORY/acknowledged: those may never be lost.
//   kill_job DIRECTORY [CALL WHOM]: kill WHOM (self, other, all) at that write to the run's files,
//   counted from the first row on, when a part of it has been done.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ranklog/ranklog.hpp>
#include <string>
#include <vector>

#include "hdf5/system_calls.hpp"

namespace {

constexpr int n_keys = 8;
constexpr std::int64_t late_step = 40;
constexpr std::int64_t rows_per_flush = 16;

// Kills inside a flush: every write to the run's files belongs to one.
class KillingCalls : public ranklog::h5::SystemCalls {
 public:
  KillingCalls(int at, std::string whom, std::vector<pid_t> pids)
      : at_(at), whom_(std::move(whom)), pids_(std::move(pids)) {}

  void begin() noexcept { is_counting_ = true; }
  ssize_t pwrite(int descriptor, const void* data, std::size_t n_bytes, off_t offset) override {
    if (is_counting_ && ++n_calls_ == at_) {
      const std::size_t n_done = n_bytes * static_cast<std::size_t>(at_ % 5) / 4;
      if (n_done > 0) (void)SystemCalls::pwrite(descriptor, data, n_done, offset);
      strike();
    }
    return SystemCalls::pwrite(descriptor, data, n_bytes, offset);
  }

 private:
  void strike() const {
    if (whom_ == "other") kill(pids_.at(2), SIGKILL);
    if (whom_ == "all") {
      if (getppid() > 1) kill(getppid(), SIGKILL);
      for (std::size_t rank = 1; rank < pids_.size(); ++rank) kill(pids_[rank], SIGKILL);
    }
    if (whom_ != "other") kill(getpid(), SIGKILL);
  }

  int at_;
  std::string whom_;
  std::vector<pid_t> pids_;
  bool is_counting_ = false;
  int n_calls_ = 0;
};

// The value of `key` at `step` on `rank`; the test knows the same formula.
double value_of(int key, std::int64_t step, int rank) {
  return static_cast<double>(step) * 10 + key + rank;
}

ranklog::Dict values_at(std::int64_t step, int rank) {
  ranklog::Dict values;
  for (int key = 0; key < n_keys; ++key) {
    values.set(fmt::format("key{}", key), value_of(key, step, rank));
  }
  values.set("by_rank", ranklog::gather(value_of(0, step, rank)));
  values.set("note", fmt::format("at {}", step));
  if (step >= late_step) values.set("key0/late", value_of(9, step, rank));
  return values;
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path directory = argv[1];
  ranklog::Accelerator accelerator({.log_with = {"hdf5"}, .project_dir = directory.string()});
  const int rank = accelerator.process_index();
  accelerator.init_trackers(
      "kill", {{"lr", 0.5}},
      {.run_name = "run", .tracker_options = {{"hdf5", {{"flush_rows", 48}}}}});
  std::vector<pid_t> pids;
  for (const std::int64_t pid : accelerator.gather(std::int64_t{getpid()})) {
    pids.push_back(static_cast<pid_t>(pid));
  }
  KillingCalls calls(argc > 3 ? std::atoi(argv[2]) : 0, argc > 3 ? argv[3] : "", pids);
  ranklog::h5::ReplacedSystemCalls replaced(calls);
  int acknowledged = -1;
  if (rank == 0) {
    std::ofstream list(directory / "pids.new");
    for (const pid_t pid : pids) list << pid << '\n';
    list.close();
    std::filesystem::rename(directory / "pids.new", directory / "pids");
    acknowledged =
        open((directory / "acknowledged").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (argc > 3) calls.begin();
  }
  for (std::int64_t step = 0;; ++step) {
    accelerator.log(values_at(step, rank), step);
    if (step % rows_per_flush != rows_per_flush - 1) continue;
    accelerator.flush();
    if (rank != 0) continue;
    const std::string line = fmt::format("{}\n", step + 1);
    if (write(acknowledged, line.data(), line.size()) < 0) return 1;
  }
}
