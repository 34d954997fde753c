#include "hdf5/committed_file.hpp"

#include <fcntl.h>

#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

#include "hdf5/file_driver.hpp"
#include "hdf5/library.hpp"
#include "hdf5/system_calls.hpp"

namespace ranklog::h5 {
namespace {

[[noreturn]] void throw_errno(int error, const std::filesystem::path& path) {
  throw std::system_error(error, std::generic_category(), path.filename().string());
}

class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags)
      : id_(system_calls().open(path.c_str(), flags | O_CLOEXEC, 0)) {
    if (id_ < 0) throw_errno(errno, path);
  }
  ~Descriptor() { system_calls().close(id_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int id() const noexcept { return id_; }
  [[nodiscard]] int* address() noexcept { return &id_; }
  [[nodiscard]] std::uint64_t size(const std::filesystem::path& path) const {
    struct stat status {};
    if (system_calls().fstat(id_, &status) != 0) throw_errno(errno, path);
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  int id_;
};

class OverlaidFile final : public DrivenFile {
 public:
  OverlaidFile(const std::filesystem::path& path, const JournalRecord& record)
      : file_(path, O_RDONLY | O_NONBLOCK), size_(file_.size(path)) {
    for (std::size_t i = 0; i < record.n_extents(); ++i) {
      overlay_.write(record.place(i).offset, record.bytes(i));
    }
  }
  [[nodiscard]] int read(std::uint64_t offset, std::span<std::byte> into) const override {
    if (overlay_.read_whole(offset, into)) return 0;
    if (const int error = read_all(file_.id(), into, offset)) return error;
    overlay_.overlay(offset, into);
    return 0;
  }
  [[nodiscard]] int write(std::uint64_t, std::span<const std::byte>, std::uint8_t) override {
    return EROFS;
  }
  void set_end(std::uint64_t n_bytes) noexcept override { end_ = n_bytes; }
  [[nodiscard]] std::uint64_t end() const noexcept override { return end_; }
  [[nodiscard]] std::uint64_t physical_end() const noexcept override { return size_; }
  void flush() override {}
  [[nodiscard]] int* descriptor() noexcept override { return file_.address(); }

 private:
  Descriptor file_;
  std::uint64_t size_;
  std::uint64_t end_ = 0;
  ExtentMap overlay_;
};

}  // namespace

CommittedFile::CommittedFile(std::filesystem::path path)
    : path_(std::move(path)), journal_(read_journal(path_)) {
  if (journal_.state != ReadJournal::State::pending) return;
  overlaid_ = std::make_unique<OverlaidFile>(path_, journal_.record);
  // A record belongs to a file that is at least this long; a shorter one has been put in its place.
  if (overlaid_->physical_end() < journal_.record.header().file_bytes) overlaid_.reset();
}

PropertyList CommittedFile::access() {
  return overlaid_ ? access_through(*overlaid_, false) : unlocked_access();
}

Recovery recover(const std::filesystem::path& run_file) {
  const ReadJournal journal = read_journal(run_file);
  Recovery recovery{journal.state};
  if (journal.state == ReadJournal::State::pending) {
    const JournalRecord& record = journal.record;
    const Descriptor file(run_file, O_RDWR);
    if (file.size(run_file) < record.header().file_bytes) throw WrongFile();
    for (std::size_t i = 0; i < record.n_extents(); ++i) {
      const int error = write_all(file.id(), record.bytes(i), record.place(i).offset);
      if (error != 0) throw_errno(error, run_file);
      recovery.n_bytes += record.bytes(i).size();
    }
    recovery.n_extents = record.n_extents();
    if (system_calls().fdatasync(file.id()) != 0) throw_errno(errno, run_file);
  }
  const std::filesystem::path beside = journal_path(run_file);
  if (system_calls().unlink(beside.c_str()) != 0 && errno != ENOENT) throw_errno(errno, beside);
  return recovery;
}

}  // namespace ranklog::h5
