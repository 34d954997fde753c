#include "hdf5/atomic_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "hdf5/reader_pause.hpp"
#include "hdf5/system_calls.hpp"

namespace ranklog::h5 {
namespace {

// The first bytes of a new file make it an HDF5 file; they are the first commit's last act.
constexpr std::uint64_t superblock_bytes = 48;
constexpr std::uint64_t no_end = std::uint64_t{1} << 62;
// More than this that needs no journal does not wait in memory.
constexpr std::size_t max_fresh_bytes = 2u << 20;
// Not worth a copy in memory.
constexpr std::size_t large_bytes = 16u << 10;
constexpr mode_t readable_by_all = 0666;  // before the umask

[[noreturn]] void throw_errno(int error, const std::filesystem::path& path) {
  throw std::system_error(error, std::generic_category(), path.filename().string());
}

int open_or_throw(const std::filesystem::path& path, int flags) {
  const int descriptor =
      system_calls().open(path.c_str(), O_RDWR | O_CLOEXEC | flags, readable_by_all);
  if (descriptor < 0) throw_errno(errno, path);
  return descriptor;
}

}  // namespace

std::unique_ptr<AtomicFile> AtomicFile::create(const std::filesystem::path& path,
                                               std::string_view run_id) {
  std::unique_ptr<AtomicFile> file(new AtomicFile(path, run_id, O_CREAT | O_EXCL));
  file->free_.add(superblock_bytes, no_end);
  return file;
}

std::unique_ptr<AtomicFile> AtomicFile::open(const std::filesystem::path& path,
                                             std::string_view run_id) {
  std::unique_ptr<AtomicFile> file(new AtomicFile(path, run_id, 0));
  struct stat status {};
  if (system_calls().fstat(file->file_, &status) != 0) throw_errno(errno, path);
  file->physical_end_ = static_cast<std::uint64_t>(status.st_size);
  file->committed_end_ = file->end_ = file->physical_end_;
  file->free_.add(file->physical_end_, no_end);
  return file;
}

AtomicFile::AtomicFile(std::filesystem::path path, std::string_view run_id, int flags)
    : path_(std::move(path)), run_id_(run_id) {
  file_ = open_or_throw(path_, flags);
  try {
    journal_ = open_or_throw(journal_path(path_), O_CREAT | O_TRUNC);
  } catch (const std::system_error&) {
    close_descriptors();
    if ((flags & O_EXCL) != 0) system_calls().unlink(path_.c_str());
    throw;
  }
}

AtomicFile::~AtomicFile() { close_descriptors(); }

void AtomicFile::close_descriptors() noexcept {
  for (int* const descriptor : {&file_, &journal_}) {
    if (*descriptor >= 0) system_calls().close(std::exchange(*descriptor, -1));
  }
}

int AtomicFile::read(std::uint64_t offset, std::span<std::byte> into) const {
  if (fresh_.read_whole(offset, into) || changed_.read_whole(offset, into)) return 0;
  if (const int error = read_all(file_, into, offset)) return error;
  recorded_.overlay(offset, into);
  fresh_.overlay(offset, into);
  changed_.overlay(offset, into);
  return 0;
}

int AtomicFile::write(std::uint64_t offset, std::span<const std::byte> bytes, std::uint8_t turn) {
  while (!bytes.empty()) {
    const IntervalSet::Run run = free_.run_at(offset, offset + bytes.size());
    const std::span<const std::byte> part = bytes.first(run.end - offset);
    if (run.is_inside) {
      write_to_free(offset, part);
      touched_.add(offset, run.end);
    } else {
      changed_.write(offset, part, turn);
    }
    bytes = bytes.subspan(part.size());
    offset = run.end;
  }
  if (fresh_.n_bytes() > max_fresh_bytes && may_spill_) spill();
  return 0;
}

void AtomicFile::write_to_free(std::uint64_t offset, std::span<const std::byte> bytes) {
  const bool is_large = bytes.size() >= large_bytes && may_spill_;
  if (is_large && write_all(file_, bytes, offset) == 0) {
    fresh_.remove(offset, offset + bytes.size());
    physical_end_ = std::max(physical_end_, offset + bytes.size());
    return;
  }
  if (is_large) may_spill_ = false;
  fresh_.write(offset, bytes);
}

// What no commit has written may be written at any time; if it cannot be, it waits for the commit.
void AtomicFile::spill() noexcept {
  for (const auto& [offset, extent] : fresh_.extents()) {
    if (write_all(file_, extent.bytes, offset) != 0) {
      may_spill_ = false;
      return;
    }
    physical_end_ = std::max(physical_end_, offset + extent.bytes.size());
  }
  fresh_.clear();
}

CommitFailure AtomicFile::write_fresh(Durability durability) {
  for (const auto& [offset, extent] : fresh_.extents()) {
    if (const int error = write_all(file_, extent.bytes, offset)) return {"write", error};
    physical_end_ = std::max(physical_end_, offset + extent.bytes.size());
  }
  if (physical_end_ < end_) {
    if (system_calls().ftruncate(file_, static_cast<off_t>(end_)) != 0) return {"extend", errno};
    physical_end_ = end_;
  }
  if (durability == Durability::disk && system_calls().fdatasync(file_) != 0) {
    return {"sync", errno};
  }
  return {};
}

CommitFailure AtomicFile::write_record(Durability durability) {
  if (changed_.empty()) return {};
  record_ = JournalRecord(sequence_ + 1, physical_end_, run_id_, changed_);
  if (const int error = write_all(journal_, record_.encoded(), 0)) {
    record_ = {};
    return {"write the journal of", error};
  }
  if (durability == Durability::disk && system_calls().fdatasync(journal_) != 0) {
    record_ = {};
    return {"sync the journal of", errno};
  }
  ++sequence_;
  is_applied_ = false;
  recorded_ = std::exchange(changed_, {});
  return {};
}

// 0, or the errno of the first failure.
int AtomicFile::write_over() const {
  int error = 0;
  for (std::size_t i = 0; i < record_.n_extents() && error == 0; ++i) {
    error = write_all(file_, record_.bytes(i), record_.place(i).offset);
  }
  return error;
}

CommitFailure AtomicFile::apply_record(Durability durability, IfRead if_read) {
  {
    const ReaderPause pause(file_);
    if (if_read == IfRead::next_time && pause.is_somebody_reading()) return {};
    if (const int error = write_over()) return {"update", error};
  }
  if (durability == Durability::disk && system_calls().fdatasync(file_) != 0) {
    return {"sync", errno};
  }
  is_applied_ = true;
  record_ = {};
  recorded_.clear();
  // Without the mark a reader puts over the file what it holds already.
  (void)write_all(journal_, encode_mark(sequence_), journal_mark_offset);
  return {};
}

CommitFailure AtomicFile::try_to_commit(Durability durability, IfRead if_read) {
  const bool is_to_disk = durability == Durability::disk;
  const bool has_changes = !fresh_.empty() || !changed_.empty() || !touched_.empty();
  if (!has_changes && is_applied_ && (!is_to_disk || is_on_disk_)) return {};
  // The journal may only be written again when its record is in the file.
  if (!is_applied_) {
    if (const CommitFailure failure = apply_record(durability, IfRead::now)) return failure;
  }
  if (const CommitFailure failure = write_fresh(durability)) return failure;
  if (const CommitFailure failure = write_record(durability)) return failure;
  // From here on the commit has happened, whatever becomes of the file's own bytes.
  for (const auto& [begin, end] : touched_.intervals()) free_.remove(begin, end);
  touched_.clear();
  fresh_.clear();
  committed_end_ = end_;
  is_on_disk_ = is_to_disk;
  if (!is_applied_) {
    CommitFailure failure = apply_record(durability, if_read);
    failure.is_committed = true;
    return failure;
  }
  return {};
}

CommitFailure AtomicFile::commit(Durability durability, IfRead if_read) {
  if (has_given_up_) return {};
  may_spill_ = true;
  failure_ = try_to_commit(durability, if_read);
  failure_.is_pending = !is_applied_;
  return failure_;
}

void AtomicFile::flush() { commit(durability_); }

AtomicFile::Whereabouts AtomicFile::whereabouts() const noexcept {
  struct stat own {};
  struct stat found {};
  if (system_calls().fstat(file_, &own) != 0) return Whereabouts::in_place;
  if (static_cast<std::uint64_t>(own.st_size) < physical_end_) return Whereabouts::truncated;
  if (system_calls().stat(path_.c_str(), &found) != 0) {
    return errno == ENOENT || errno == ENOTDIR ? Whereabouts::removed : Whereabouts::in_place;
  }
  const bool is_own = own.st_dev == found.st_dev && own.st_ino == found.st_ino;
  return is_own ? Whereabouts::in_place : Whereabouts::replaced;
}

bool AtomicFile::is_unreachable() const noexcept {
  struct stat own {};
  return system_calls().fstat(file_, &own) == 0 && own.st_nlink == 0;
}

void AtomicFile::copy_to(const std::filesystem::path& target) const {
  const int copy = open_or_throw(target, O_CREAT | O_EXCL);
  std::vector<std::byte> block(1u << 20);
  int error = 0;
  for (std::uint64_t offset = 0; offset < committed_end_ && error == 0;) {
    const std::size_t n = std::min<std::uint64_t>(block.size(), committed_end_ - offset);
    const std::span<std::byte> part = std::span(block).first(n);
    error = read_all(file_, part, offset);
    if (error == 0) error = write_all(copy, part, offset);
    offset += n;
  }
  if (system_calls().close(copy) != 0 && error == 0) error = errno;
  if (error != 0) throw_errno(error, target);
}

CommitFailure AtomicFile::close(Durability durability) {
  const CommitFailure failure = commit(durability, IfRead::now);
  if (is_applied_) {
    // Neither can fail in a way that matters: bytes behind the end and an applied record harm
    // nobody.
    if (physical_end_ > committed_end_) {
      (void)system_calls().ftruncate(file_, static_cast<off_t>(committed_end_));
    }
    if (whereabouts() == Whereabouts::in_place) {
      system_calls().unlink(journal_path(path_).c_str());
    }
    (void)system_calls().ftruncate(journal_, 0);
  }
  close_descriptors();
  return failure;
}

void AtomicFile::remove() noexcept {
  close_descriptors();
  system_calls().unlink(path_.c_str());
  try {
    system_calls().unlink(journal_path(path_).c_str());
  } catch (const std::bad_alloc&) {
    // Then an empty file is left.
  }
}

}  // namespace ranklog::h5
