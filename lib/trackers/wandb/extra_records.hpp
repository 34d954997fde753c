// What W&B shows beside the metrics, on request: the state of rank 0's process and node, and lines
// of console output. Both on ranklog's writer thread, at most as often as it is at work.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace ranklog::wandb_proto {
class Record;
}

namespace ranklog::trackers::wandb {

class RunLog;

// Under the SDK's names, from /proc: cpu (percent of one core that this process used),
// proc.cpu.threads, proc.memory.rssMB, proc.memory.percent, proc.memory.availableMB and
// memory_percent (of the node).
class SystemMetrics {
 public:
  // Takes a sample at most once in `interval`.
  explicit SystemMetrics(std::chrono::duration<double> interval) : interval_(interval) {}
  // Writes a sample if its time has come. Errors: as RunLog.
  void write(RunLog& log);

 private:
  using Clock = std::chrono::steady_clock;
  std::chrono::duration<double> interval_;
  std::optional<Clock::time_point> last_;
  double last_cpu_s_ = 0;
};

// Follows a file that somebody else writes, such as the job's output file of the scheduler: its
// whole lines become console output of the run, each once. What it holds at the beginning is
// passed over: it belongs to earlier runs.
class ConsoleFile {
 public:
  // A file that is not there yet is followed from its beginning.
  explicit ConsoleFile(std::filesystem::path path);
  // Once a second at most: writes the lines that came since, up to 1 MiB. With `is_end` at once,
  // all of them, and the last line also if its end is missing. Errors: as RunLog.
  void write(RunLog& log, bool is_end = false);

 private:
  using Clock = std::chrono::steady_clock;
  bool write_some(RunLog& log, bool is_end);

  Clock::time_point last_ = {};
  std::filesystem::path path_;
  std::size_t offset_ = 0;
};

}  // namespace ranklog::trackers::wandb
