#include "hdf5/system_calls.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace ranklog::h5 {
namespace {

bool is_beyond_limit(std::uint64_t n_bytes) {
  rlimit limit{};
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
         n_bytes > limit.rlim_cur;
}

SystemCalls& operating_system() noexcept {
  static SystemCalls calls;
  return calls;
}

SystemCalls* replacement = nullptr;

}  // namespace

int SystemCalls::open(const char* path, int flags, mode_t mode) {
  return ::open(path, flags, mode);
}
int SystemCalls::close(int descriptor) { return ::close(descriptor); }
ssize_t SystemCalls::pread(int descriptor, void* data, std::size_t n_bytes, off_t offset) {
  return ::pread(descriptor, data, n_bytes, offset);
}
ssize_t SystemCalls::pwrite(int descriptor, const void* data, std::size_t n_bytes, off_t offset) {
  if (is_beyond_limit(static_cast<std::uint64_t>(offset) + n_bytes)) {
    errno = EFBIG;
    return -1;
  }
  return ::pwrite(descriptor, data, n_bytes, offset);
}
int SystemCalls::ftruncate(int descriptor, off_t n_bytes) {
  if (is_beyond_limit(static_cast<std::uint64_t>(n_bytes))) {
    errno = EFBIG;
    return -1;
  }
  return ::ftruncate(descriptor, n_bytes);
}
int SystemCalls::fdatasync(int descriptor) { return ::fdatasync(descriptor); }
int SystemCalls::fstat(int descriptor, struct stat* status) { return ::fstat(descriptor, status); }
int SystemCalls::stat(const char* path, struct stat* status) { return ::stat(path, status); }
int SystemCalls::unlink(const char* path) { return ::unlink(path); }
int SystemCalls::flock(int descriptor, int operation) { return ::flock(descriptor, operation); }

SystemCalls& system_calls() noexcept {
  return replacement != nullptr ? *replacement : operating_system();
}

ReplacedSystemCalls::ReplacedSystemCalls(SystemCalls& calls) noexcept
    : before_(std::exchange(replacement, &calls)) {}
ReplacedSystemCalls::~ReplacedSystemCalls() { replacement = before_; }

int write_all(int descriptor, std::span<const std::byte> data, std::uint64_t offset) {
  while (!data.empty()) {
    const ssize_t n =
        system_calls().pwrite(descriptor, data.data(), data.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    data = data.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return 0;
}

int read_all(int descriptor, std::span<std::byte> data, std::uint64_t offset, std::size_t* n_read) {
  std::size_t n_done = 0;
  while (n_done < data.size()) {
    const ssize_t n = system_calls().pread(descriptor, data.data() + n_done, data.size() - n_done,
                                           static_cast<off_t>(offset + n_done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) break;
    n_done += static_cast<std::size_t>(n);
  }
  std::fill(data.begin() + static_cast<std::ptrdiff_t>(n_done), data.end(), std::byte{0});
  if (n_read != nullptr) *n_read = n_done;
  return 0;
}

}  // namespace ranklog::h5
