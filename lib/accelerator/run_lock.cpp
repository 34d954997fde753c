#include "accelerator/run_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "core/text.hpp"
#include "provenance/process_facts.hpp"
#include "provenance/scheduler.hpp"
#include "ranklog/error.hpp"

namespace ranklog {
namespace {

namespace fs = std::filesystem;

constexpr const char* lock_name = "run.lock";
constexpr std::size_t max_lock_bytes = 4096;
constexpr int max_replaced = 100;  // times that the file may be removed while it is being locked

[[noreturn]] void fail(const fs::path& path, int error) {
  throw DirectoryError(
      fmt::format("cannot lock the run: {}: {}; check that the folder can be written on this node",
                  escape_unprintable(path.string(), 4096), std::generic_category().message(error)));
}

// Field 22 of /proc/<pid>/stat, counted behind the name, which may hold anything; 0 if there is no
// such process.
std::int64_t start_of_process(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto at = text.rfind(')');
  if (at == std::string::npos) return 0;
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  if (at == std::string::npos) return 0;
  std::int64_t start = 0;
  std::from_chars(text.data() + at + 1, text.data() + text.size(), start);
  return start;
}

// Where the file system has no locks, what the file says decides. True if the owner may be alive.
bool may_be_alive(const RunOwner& owner, const RunOwner& here) {
  if (owner.has_ended) return false;
  if (owner.host == here.host) return start_of_process(owner.pid) == owner.process_start;
  // A scheduler restarts a job only when its last start has ended.
  const auto without_restart = [](const std::string& job) {
    return job.substr(0, job.find("-restart"));
  };
  return owner.job.empty() || without_restart(owner.job) != without_restart(here.job);
}

std::string describe(const RunOwner& owner) {
  const std::string job = owner.job.empty() ? "" : fmt::format(" ({})", owner.job);
  return escape_unprintable(
      fmt::format("process {} on host {}{} since {}", owner.pid, owner.host, job, owner.since),
      512);
}

std::string read_all(int descriptor) {
  std::array<char, max_lock_bytes> bytes{};
  const ssize_t n = ::pread(descriptor, bytes.data(), bytes.size(), 0);
  return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
}

bool is_still_at(int descriptor, const fs::path& path) {
  struct stat opened {
  }, there{};
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &there) == 0 &&
         opened.st_ino == there.st_ino && opened.st_dev == there.st_dev;
}

template <class T>
void parse_number(std::string_view text, T& number) {
  std::from_chars(text.data(), text.data() + text.size(), number);
}

void set_member(RunOwner& owner, std::string_view name, std::string_view value) {
  if (name == "run_id") owner.run_id = value;
  if (name == "attempt") parse_number(value, owner.attempt);
  if (name == "host") owner.host = value;
  if (name == "pid") parse_number(value, owner.pid);
  if (name == "process_start") parse_number(value, owner.process_start);
  if (name == "job") owner.job = value;
  if (name == "since") owner.since = value;
  if (name == "state") owner.has_ended = value == "ended";
}

}  // namespace

RunOwner this_process() {
  RunOwner owner;
  owner.host = provenance::host_name();
  owner.pid = ::getpid();
  owner.process_start = start_of_process(owner.pid);
  owner.job = provenance::scheduler_job_name(&provenance::process_environment).value_or("");
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  owner.since = iso8601_utc(std::chrono::duration<double>(now).count());
  return owner;
}

std::string to_text(const RunOwner& owner) {
  return fmt::format(
      "run_id={}\nattempt={}\nhost={}\npid={}\nprocess_start={}\njob={}\nsince={}\nstate={}\n",
      owner.run_id, owner.attempt, escape_unprintable(owner.host, 512), owner.pid,
      owner.process_start, escape_unprintable(owner.job, 512), owner.since,
      owner.has_ended ? "ended" : "running");
}

std::optional<RunOwner> parse_owner(std::string_view text) {
  RunOwner owner;
  text = text.substr(0, max_lock_bytes);
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const auto equals = line.find('=');
    if (equals != std::string_view::npos) {
      set_member(owner, line.substr(0, equals), line.substr(equals + 1));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const bool is_whole = !owner.host.empty() && owner.pid > 0 && owner.attempt >= 0;
  return is_whole ? std::optional(owner) : std::nullopt;
}

int RunLock::lock_file(int descriptor) {
  // Not F_SETLK: that lock would not keep apart two runs of one process, and closing any other
  // handle of the file would drop it.
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return ::fcntl(descriptor, F_OFD_SETLK, &whole) == 0 ? 0 : errno;
}

RunLock::RunLock(const fs::path& run_dir, const Locker& lock) : path_(run_dir / lock_name) {
  for (int i = 0; i < max_replaced; ++i) {
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor_ < 0) fail(path_, errno);
    const int error = lock(descriptor_);
    if (error == 0 && !is_still_at(descriptor_, path_)) {
      close();
      continue;
    }
    previous_ = parse_owner(read_all(descriptor_));
    const bool is_taken = error == EAGAIN || error == EACCES;
    const bool has_no_locks = error != 0 && !is_taken;
    const bool is_in_use =
        is_taken || (has_no_locks && previous_ && may_be_alive(*previous_, this_process()));
    if (!is_in_use) return;
    close();
    throw RunInUseError(fmt::format(
        "the run in {} is being recorded by {}; wait until that job ends, or give another "
        "run_name{}",
        escape_unprintable(run_dir.string(), 4096),
        previous_ ? describe(*previous_) : "another process",
        has_no_locks ? "; this file system has no locks: if that job is gone, remove run.lock"
                     : ""));
  }
  fail(path_, EBUSY);
}

RunLock::RunLock(RunLock&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      previous_(std::move(other.previous_)),
      owner_(std::move(other.owner_)) {}

RunLock& RunLock::operator=(RunLock&& other) noexcept {
  if (this != &other) {
    release();
    path_ = std::move(other.path_);
    descriptor_ = std::exchange(other.descriptor_, -1);
    previous_ = std::move(other.previous_);
    owner_ = std::move(other.owner_);
  }
  return *this;
}

RunLock::~RunLock() { release(); }

void RunLock::write(const RunOwner& owner) {
  const std::string text = to_text(owner);
  const ssize_t n = ::pwrite(descriptor_, text.data(), text.size(), 0);
  if (n < 0) fail(path_, errno);
  if (static_cast<std::size_t>(n) != text.size()) fail(path_, ENOSPC);
  if (::ftruncate(descriptor_, static_cast<off_t>(text.size())) != 0) fail(path_, errno);
  owner_ = owner;
}

void RunLock::release() noexcept {
  if (descriptor_ < 0) return;
  if (owner_) {
    try {
      owner_->has_ended = true;
      write(*owner_);
    } catch (const std::exception&) {
      // Only the file systems without locks need it, and there the next job says what to do.
    }
  }
  close();
}

void RunLock::discard() noexcept {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());
  close();
}

void RunLock::close() noexcept { ::close(std::exchange(descriptor_, -1)); }

}  // namespace ranklog
