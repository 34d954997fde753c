// A table of system calls that stops working at a chosen call: as a process that is killed there
// would leave the files, or as a disk that fails for a while.
#pragma once

#include <cerrno>
#include <cstddef>
#include <functional>

#include "hdf5/system_calls.hpp"

namespace ranklog::test_support {

// From the `last`-th changing call on nothing reaches the disk; of that one, when it writes, the
// first `n_parts_kept` quarters do.
class CutCalls : public h5::SystemCalls {
 public:
  CutCalls(int last, std::size_t n_parts_kept) : last_(last), n_parts_kept_(n_parts_kept) {}

  [[nodiscard]] int n_calls() const noexcept { return n_calls_; }
  [[nodiscard]] bool is_cut() const noexcept { return n_calls_ >= last_; }

  ssize_t pwrite(int descriptor, const void* data, std::size_t n_bytes, off_t offset) override {
    if (++n_calls_ < last_) return SystemCalls::pwrite(descriptor, data, n_bytes, offset);
    const std::size_t n_kept = n_calls_ == last_ ? n_bytes * n_parts_kept_ / 4 : 0;
    if (n_kept > 0) SystemCalls::pwrite(descriptor, data, n_kept, offset);
    return refuse();
  }
  int ftruncate(int descriptor, off_t n_bytes) override {
    return ++n_calls_ < last_ ? SystemCalls::ftruncate(descriptor, n_bytes) : refuse();
  }
  int fdatasync(int descriptor) override {
    return ++n_calls_ < last_ ? SystemCalls::fdatasync(descriptor) : refuse();
  }
  int unlink(const char* path) override {
    return ++n_calls_ < last_ ? SystemCalls::unlink(path) : refuse();
  }

 private:
  static int refuse() noexcept {
    errno = EIO;
    return -1;
  }

  int last_;
  std::size_t n_parts_kept_;
  int n_calls_ = 0;
};

// Asks `fate` before each write, truncation and sync: 0 lets it happen, -1 makes a write short, and
// anything else is the errno with which it fails.
class FatefulCalls : public h5::SystemCalls {
 public:
  explicit FatefulCalls(std::function<int()> fate) : fate_(std::move(fate)) {}

  ssize_t pwrite(int descriptor, const void* data, std::size_t n_bytes, off_t offset) override {
    const int fate = fate_();
    if (fate > 0) return fail(fate);
    if (fate < 0) n_bytes = (n_bytes + 1) / 2;
    return SystemCalls::pwrite(descriptor, data, n_bytes, offset);
  }
  int ftruncate(int descriptor, off_t n_bytes) override {
    const int fate = fate_();
    return fate > 0 ? fail(fate) : SystemCalls::ftruncate(descriptor, n_bytes);
  }
  int fdatasync(int descriptor) override {
    const int fate = fate_();
    return fate > 0 ? fail(fate) : SystemCalls::fdatasync(descriptor);
  }

 private:
  static int fail(int error) noexcept {
    errno = error;
    return -1;
  }

  std::function<int()> fate_;
};

}  // namespace ranklog::test_support
