// Keeps a run to one job at a time: run.lock in the run's folder is locked while a job records to
// it, and says which job that is. docs/design/0008-resume.md has what decides.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ranklog {

// Who records to a run, or did.
struct RunOwner {
  std::string run_id;
  std::int32_t attempt = 0;
  std::string host;
  std::int64_t pid = 0;
  std::int64_t process_start = 0;  // clock ticks since boot, as in /proc/<pid>/stat; 0: unknown
  std::string job;                 // of the scheduler, with its restart; empty outside of one
  std::string since;               // ISO 8601
  bool has_ended = false;
};

// This process, as the owner of a run.
[[nodiscard]] RunOwner this_process();

// The lines `name=value` of run.lock. What does not belong there is passed over.
[[nodiscard]] std::string to_text(const RunOwner& owner);
[[nodiscard]] std::optional<RunOwner> parse_owner(std::string_view text);

class RunLock {
 public:
  // As fcntl(F_OFD_SETLK) on a whole file: 0, or errno. Tests bring their own.
  using Locker = std::function<int(int descriptor)>;

  RunLock() = default;
  // Takes the run in `run_dir`, which exists. Errors: RunInUseError naming the owner's host, pid
  // and job; DirectoryError when the system refuses.
  explicit RunLock(const std::filesystem::path& run_dir, const Locker& lock = lock_file);
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&& other) noexcept;
  ~RunLock();  // as release()

  // Who had the run before; nothing for a new one.
  [[nodiscard]] const std::optional<RunOwner>& previous() const noexcept { return previous_; }
  // Errors: DirectoryError.
  void write(const RunOwner& owner);
  // Says that the owner has ended, and lets go.
  void release() noexcept;
  // Lets go and removes the file, for a run that never began.
  void discard() noexcept;

  [[nodiscard]] static int lock_file(int descriptor);

 private:
  void close() noexcept;

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::optional<RunOwner> previous_;
  std::optional<RunOwner> owner_;
};

}  // namespace ranklog
