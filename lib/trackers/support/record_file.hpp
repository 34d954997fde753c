// An append-only file of whole records: buffered, written in few large calls, and never left with
// a torn record in front of a good one. Shared by the trackers that write streams of records.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ranklog::trackers::support {

// The system calls that can fail half-way; tests put their own here.
struct FileCalls {
  ssize_t (*write)(int fd, const void* data, std::size_t n_bytes);
  int (*truncate)(int fd, off_t n_bytes);
};
[[nodiscard]] const FileCalls& system_file_calls() noexcept;

struct RecordFileOptions {
  std::chrono::duration<double> flush_interval{1.0};
  std::size_t flush_bytes = std::size_t{1} << 20;
  // What may wait while the file cannot be written; records beyond it are dropped and counted.
  std::size_t max_pending_bytes = std::size_t{64} << 20;
  bool may_exist = false;  // true: continues a file that is there
  const FileCalls* calls = &system_file_calls();
};

// Not copyable or movable. Thread safety: one thread at a time.
// Errors of append, flush and close: IoError naming the path and what happens to the records.
class RecordFile {
 public:
  // Creates the file. Errors: RunExistsError if it is there already, unless may_exist; IoError.
  explicit RecordFile(std::filesystem::path path, const RecordFileOptions& options = {});
  // Does what close() does, silently.
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  // Takes one whole record; writes when enough is buffered or the flush interval has passed.
  // When writing fails the record is kept and tried again, at most once per flush interval.
  void append(std::string_view record);
  // Hands all that is buffered to the operating system.
  void flush();
  // Flushes and closes. Idempotent.
  void close();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  // Where the next record will stand in the file.
  [[nodiscard]] std::size_t end() const noexcept { return n_file_bytes_ + pending_.size(); }
  [[nodiscard]] std::size_t pending_bytes() const noexcept { return pending_.size(); }

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] bool is_interval_over() const;
  [[noreturn]] void drop_one_record();
  [[noreturn]] void keep_unwritten(std::size_t n_written, int error);
  [[nodiscard]] bool truncate_to(std::size_t n_bytes) const;

  std::filesystem::path path_;
  RecordFileOptions options_;
  int fd_ = -1;
  std::string pending_;
  std::vector<std::size_t> record_ends_;  // offsets in pending_
  std::size_t n_file_bytes_ = 0;
  std::size_t n_dropped_ = 0;
  bool has_failed_ = false;  // the latest attempt to write did
  bool is_torn_ = false;     // ends in part of a record that could not be cut off
  Clock::time_point last_attempt_;
};

}  // namespace ranklog::trackers::support
