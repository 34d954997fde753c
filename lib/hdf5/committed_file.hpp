// A run file as its last complete flush left it, for readers: what the journal holds and the file
// does not yet is laid over it in memory. Nothing is written.
#pragma once

#include <filesystem>
#include <memory>

#include "hdf5/driven_file.hpp"
#include "hdf5/extent_map.hpp"
#include "hdf5/handle.hpp"
#include "hdf5/journal.hpp"

namespace ranklog::h5 {

// To read a run, perhaps while it is being written:
//   do {
//     CommittedFile file(path);
//     h5::File opened(H5Fopen(path, H5F_ACC_RDONLY, file.access().get()));
//     ... read, closing everything at the end ...
//   } while (!file.is_current());
// What was read is of one flush if is_current() is true afterwards; errors and values that were met
// before mean nothing if it is false.
class CommittedFile {
 public:
  // Errors: std::system_error.
  explicit CommittedFile(std::filesystem::path path);

  // How to open the file. This object must outlive the open file.
  [[nodiscard]] PropertyList access();
  // True if the file needs what the journal holds, that is, `ranklog recover`.
  [[nodiscard]] bool is_overlaid() const noexcept { return overlaid_ != nullptr; }
  // False once the writer has begun to change the file again. One open and one read.
  [[nodiscard]] bool is_current() const { return is_unchanged(path_, journal_); }

 private:
  std::filesystem::path path_;
  ReadJournal journal_;
  std::unique_ptr<DrivenFile> overlaid_;
};

struct Recovery {
  ReadJournal::State found = ReadJournal::State::absent;
  std::size_t n_extents = 0;  // that were written to the run file
  std::size_t n_bytes = 0;
};
// Writes a pending record to the run file, syncs it and removes the journal; removes a journal that
// is not needed. May be called again after any failure. The caller sees to it that nobody writes
// the run. Errors: std::system_error; WrongFile, when this cannot be the journal's run file.
struct WrongFile {};
Recovery recover(const std::filesystem::path& run_file);

}  // namespace ranklog::h5
