#include "sync/run_life.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <system_error>

namespace ranklog::sync {
namespace {

namespace fs = std::filesystem;
// A job flushes about every second.
constexpr auto quiet_after = std::chrono::seconds(60);

bool is_locked(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct flock lock {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  const bool is_held = ::fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(descriptor);
  return is_held;
}

// Where the file system has no locks.
bool has_changed_lately(const fs::path& file) {
  std::error_code error;
  const auto changed = fs::last_write_time(file, error);
  return !error && fs::file_time_type::clock::now() - changed < quiet_after;
}

}  // namespace

Life life_of(const RunReader& run, std::string_view status) {
  if (status != "running") return Life::ended;
  const fs::path lock = run.path().parent_path() / "run.lock";
  std::error_code error;
  const bool goes_on =
      is_locked(lock) || (!fs::exists(lock, error) && has_changed_lately(run.path()));
  return goes_on ? Life::going : Life::broken;
}

}  // namespace ranklog::sync
