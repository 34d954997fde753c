// All system calls that reading and writing a run file makes, in one table, so that tests can let
// any of them fail.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace ranklog::h5 {

// As the functions of the same names: -1 and errno on failure.
class SystemCalls {
 public:
  SystemCalls() = default;
  SystemCalls(const SystemCalls&) = delete;
  SystemCalls& operator=(const SystemCalls&) = delete;
  virtual ~SystemCalls() = default;

  virtual int open(const char* path, int flags, mode_t mode);
  virtual int close(int descriptor);
  virtual ssize_t pread(int descriptor, void* data, std::size_t n_bytes, off_t offset);
  // Beyond the process's limit for file sizes: EFBIG, and no SIGXFSZ, which would end the job.
  virtual ssize_t pwrite(int descriptor, const void* data, std::size_t n_bytes, off_t offset);
  virtual int ftruncate(int descriptor, off_t n_bytes);
  virtual int fdatasync(int descriptor);
  virtual int fstat(int descriptor, struct stat* status);
  virtual int stat(const char* path, struct stat* status);
  virtual int unlink(const char* path);
  virtual int flock(int descriptor, int operation);
};

// The operating system's, or what a test put in its place.
[[nodiscard]] SystemCalls& system_calls() noexcept;

// For tests: replaces the table while it lives. Not while another thread writes a run.
class ReplacedSystemCalls {
 public:
  explicit ReplacedSystemCalls(SystemCalls& calls) noexcept;
  ~ReplacedSystemCalls();
  ReplacedSystemCalls(const ReplacedSystemCalls&) = delete;
  ReplacedSystemCalls& operator=(const ReplacedSystemCalls&) = delete;

 private:
  SystemCalls* before_;
};

// Whole transfers, across short ones and interruptions: 0, or the errno of the first failure.
[[nodiscard]] int write_all(int descriptor, std::span<const std::byte> data, std::uint64_t offset);
// Beyond the end of the file there are zeros. `n_read`: how many bytes the file held.
[[nodiscard]] int read_all(int descriptor, std::span<std::byte> data, std::uint64_t offset,
                           std::size_t* n_read = nullptr);

}  // namespace ranklog::h5
