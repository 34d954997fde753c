// Keeps a reader that has the run file open from seeing half a flush: HDF5 takes a shared lock for
// as long as a file is open, so an exclusive one says that nobody reads.
#pragma once

namespace ranklog::h5 {

// One for each file that is written. Not thread-safe.
class ReaderPause {
 public:
  // Waits for readers to close the file and keeps new ones out until end(): HDF5 tells those that
  // it cannot lock the file. Waits 1 s at most and not at all after it waited in vain, until a
  // lock is had again: a reader that keeps the file open may see half a flush, but never holds the
  // job up. Where the file system has no locks, does nothing.
  void begin(int descriptor) noexcept;
  void end(int descriptor) noexcept;

 private:
  bool is_locked_ = false;
  bool waited_in_vain_ = false;
};

}  // namespace ranklog::h5
