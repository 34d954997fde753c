// The transaction log of a run: numbered records, in whole, in few large writes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>

#include "trackers/support/record_file.hpp"

namespace ranklog::wandb_proto {
class Record;
}

namespace ranklog::trackers::wandb {

// Thread safety: all members may be called from any thread. Errors of all members: as RecordFile.
class RunLog {
 public:
  // A new log.
  RunLog(const std::filesystem::path& path, std::chrono::duration<double> flush_interval);
  // One that is there, of which `n_records` records up to byte `end` are kept.
  RunLog(const std::filesystem::path& path, std::chrono::duration<double> flush_interval,
         std::size_t end, std::int64_t n_records);

  // Numbers the record and takes it. One that is refused leaves no gap.
  void write(wandb_proto::Record& record);
  void flush();
  void close();
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_.path(); }

 private:
  std::mutex mutex_;
  support::RecordFile file_;
  std::int64_t n_records_ = 0;
  std::string payload_;
  std::string chunks_;
};

}  // namespace ranklog::trackers::wandb
