// A file that changes in steps: between commits nothing that a commit has written is touched, and a
// process that is killed inside one leaves the state before it, or the one after it beside a
// journal. How it works: docs/design/0005-run-file-write-path.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "hdf5/driven_file.hpp"
#include "hdf5/extent_map.hpp"
#include "hdf5/intervals.hpp"
#include "hdf5/journal.hpp"

namespace ranklog::h5 {

// What a commit waits for: nothing (a killed process loses nothing), or the disk (nor does a
// machine that loses power).
enum class Durability : std::uint8_t { process, disk };

// Why a commit failed; `action` is empty when it did not.
struct CommitFailure {
  const char* action = "";
  int error = 0;              // errno
  bool is_committed = false;  // all is in the journal, but the file itself could not be changed
  bool is_pending = false;    // a record is in the journal and not in the file
  explicit operator bool() const noexcept { return *action != '\0'; }
};

// Not thread-safe. Bytes that wait for a commit are kept in memory.
class AtomicFile final : public DrivenFile {
 public:
  // Creates the file, which must not exist, and its journal. Errors: std::system_error.
  [[nodiscard]] static std::unique_ptr<AtomicFile> create(const std::filesystem::path& path,
                                                          std::string_view run_id);
  // Opens a file that was left by a writer; its journal must have been applied. All its bytes are
  // taken for committed. Errors: std::system_error.
  [[nodiscard]] static std::unique_ptr<AtomicFile> open(const std::filesystem::path& path,
                                                        std::string_view run_id);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() override;

  [[nodiscard]] int read(std::uint64_t offset, std::span<std::byte> into) const override;
  int write(std::uint64_t offset, std::span<const std::byte> bytes, std::uint8_t turn) override;
  void set_end(std::uint64_t n_bytes) noexcept override { end_ = n_bytes; }
  [[nodiscard]] std::uint64_t end() const noexcept override { return end_; }
  [[nodiscard]] std::uint64_t physical_end() const noexcept override { return physical_end_; }
  [[nodiscard]] int* descriptor() noexcept override { return &file_; }
  // commit(), for who drives the file; what came of it is failure().
  void flush() override;

  // When the file's own bytes change if a reader has it open and holds HDF5's lock: with the next
  // commit, so that a short reader sees nothing by halves, or now.
  enum class IfRead : std::uint8_t { next_time, now };
  // Makes everything that was written since the last commit part of the file, or nothing of it.
  // After a failure all of it still waits, and the next commit tries again.
  CommitFailure commit(Durability durability, IfRead if_read = IfRead::next_time);
  // How flush() commits from now on.
  void set_durability(Durability durability) noexcept { durability_ = durability; }
  // Of the last commit.
  [[nodiscard]] const CommitFailure& failure() const noexcept { return failure_; }
  [[nodiscard]] std::size_t n_bytes_waiting() const noexcept {
    return fresh_.n_bytes() + changed_.n_bytes() + recorded_.n_bytes();
  }
  // From now on nothing more is committed: what is waiting does not fit together.
  void give_up() noexcept { has_given_up_ = true; }

  enum class Whereabouts : std::uint8_t { in_place, removed, replaced, truncated };
  // Whether the path still leads to the file. Two system calls.
  [[nodiscard]] Whereabouts whereabouts() const noexcept;

  // True if the file has no name any more, so that nobody will ever open it again.
  [[nodiscard]] bool is_unreachable() const noexcept;
  // Copies what is committed to a new file. Errors: std::system_error.
  void copy_to(const std::filesystem::path& target) const;
  // Commits, cuts off what was never committed, removes the journal and closes. The journal stays
  // if the file needs it. No other member may be called afterwards.
  CommitFailure close(Durability durability);
  // Closes and removes the file and its journal.
  void remove() noexcept;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  AtomicFile(std::filesystem::path path, std::string_view run_id, int flags);
  void write_to_free(std::uint64_t offset, std::span<const std::byte> bytes);
  void spill() noexcept;
  CommitFailure try_to_commit(Durability durability, IfRead if_read);
  CommitFailure write_fresh(Durability durability);
  CommitFailure write_record(Durability durability);
  int write_over() const;
  CommitFailure apply_record(Durability durability, IfRead if_read);
  void close_descriptors() noexcept;

  std::filesystem::path path_;
  std::string run_id_;
  int file_ = -1;
  int journal_ = -1;
  std::uint64_t end_ = 0;
  std::uint64_t committed_end_ = 0;
  std::uint64_t physical_end_ = 0;
  IntervalSet free_;      // bytes that no commit has written: they may change at any time
  IntervalSet touched_;   // bytes of free_ that were written since the last commit
  ExtentMap fresh_;       // what is to be written to free_ and is not yet in the file
  ExtentMap changed_;     // what is to replace committed bytes
  ExtentMap recorded_;    // the same of the last record, until it is in the file
  JournalRecord record_;  // the last one
  std::uint64_t sequence_ = 0;
  bool is_applied_ = true;  // the last record is in the file
  bool is_on_disk_ = true;  // nothing was committed since the last commit to disk
  bool has_given_up_ = false;
  bool may_spill_ = true;
  Durability durability_ = Durability::process;
  CommitFailure failure_;
};

}  // namespace ranklog::h5
