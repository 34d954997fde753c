// Keeps a reader that has the run file open from seeing half a flush: HDF5 takes a shared lock for
// as long as a file is open, so an exclusive one says that nobody reads and keeps new readers out.
#pragma once

namespace ranklog::h5 {

// An exclusive lock for as long as it lives, if it can be had at once: it never waits.
class ReaderPause {
 public:
  explicit ReaderPause(int descriptor) noexcept;
  ~ReaderPause();
  ReaderPause(const ReaderPause&) = delete;
  ReaderPause& operator=(const ReaderPause&) = delete;
  // False where the lock was had, and where the file system has none.
  [[nodiscard]] bool is_somebody_reading() const noexcept { return is_somebody_reading_; }

 private:
  int descriptor_;
  bool is_locked_;
  bool is_somebody_reading_;
};

}  // namespace ranklog::h5
