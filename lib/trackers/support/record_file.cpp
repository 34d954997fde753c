#include "trackers/support/record_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

#include "ranklog/error.hpp"

namespace ranklog::trackers::support {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

int create(const std::filesystem::path& path, bool may_exist) {
  const int exclusive = may_exist ? 0 : O_EXCL;
  int fd = -1;
  do {
    fd = ::open(path.c_str(), O_WRONLY | O_CREAT | exclusive | O_APPEND | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EINTR);
  if (fd >= 0) return fd;
  if (errno == EEXIST) {
    throw RunExistsError(fmt::format(
        "'{}' exists already and is not overwritten; choose another run name", path.string()));
  }
  throw IoError(fmt::format("cannot create '{}': {}", path.string(), reason(errno)));
}

}  // namespace

const FileCalls& system_file_calls() noexcept {
  static constexpr FileCalls calls{::write, ::ftruncate};
  return calls;
}

RecordFile::RecordFile(std::filesystem::path path, const RecordFileOptions& options)
    : path_(std::move(path)),
      options_(options),
      fd_(create(path_, options.may_exist)),
      last_attempt_(Clock::now()) {
  if (!options.may_exist) return;
  struct stat facts {};
  if (::fstat(fd_, &facts) == 0) n_file_bytes_ = static_cast<std::size_t>(facts.st_size);
}

RecordFile::~RecordFile() {
  try {
    close();
  } catch (const std::exception&) {
    // Nobody is left to tell: a destructor without close() before it runs during unwinding only.
  }
}

bool RecordFile::is_interval_over() const {
  return Clock::now() - last_attempt_ >= options_.flush_interval;
}

void RecordFile::append(std::string_view record) {
  if (fd_ < 0) throw IoError(fmt::format("'{}' is closed; nothing can be added", path_.string()));
  if (pending_.size() + record.size() > options_.max_pending_bytes) {
    if (!has_failed_ || is_interval_over()) flush();
    if (pending_.size() + record.size() > options_.max_pending_bytes) drop_one_record();
  }
  pending_ += record;
  record_ends_.push_back(pending_.size());
  const bool is_full = pending_.size() >= options_.flush_bytes && !has_failed_;
  if (is_full || is_interval_over()) flush();
}

void RecordFile::drop_one_record() {
  ++n_dropped_;
  throw IoError(
      fmt::format("'{}' cannot be written and {} bytes wait already: {} record(s) dropped so far",
                  path_.string(), pending_.size(), n_dropped_));
}

void RecordFile::flush() {
  if (fd_ < 0) return;
  last_attempt_ = Clock::now();
  if (pending_.empty()) return;
  if (is_torn_) {
    throw IoError(
        fmt::format("'{}' ends in a torn record that could not be removed; nothing more "
                    "is written to it and {} bytes are not in it",
                    path_.string(), pending_.size()));
  }
  std::size_t n_written = 0;
  while (n_written < pending_.size()) {
    const ssize_t n =
        options_.calls->write(fd_, pending_.data() + n_written, pending_.size() - n_written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) keep_unwritten(n_written, n < 0 ? errno : EIO);
    n_written += static_cast<std::size_t>(n);
  }
  n_file_bytes_ += n_written;
  pending_.clear();
  record_ends_.clear();
  has_failed_ = false;
}

void RecordFile::keep_unwritten(std::size_t n_written, int error) {
  has_failed_ = true;
  const auto next_end = std::upper_bound(record_ends_.begin(), record_ends_.end(), n_written);
  const std::size_t n_whole = next_end == record_ends_.begin() ? 0 : *(next_end - 1);
  if (n_whole != n_written) is_torn_ = !truncate_to(n_file_bytes_ + n_whole);
  n_file_bytes_ += n_whole;
  pending_.erase(0, n_whole);
  record_ends_.erase(record_ends_.begin(), next_end);
  for (std::size_t& end : record_ends_) end -= n_whole;
  throw IoError(fmt::format("cannot write '{}': {}; {} bytes {}", path_.string(), reason(error),
                            pending_.size(),
                            is_torn_ ? "are lost, because its torn end could not be removed"
                                     : "wait and are tried again"));
}

bool RecordFile::truncate_to(std::size_t n_bytes) const {
  int result = 0;
  do {
    result = options_.calls->truncate(fd_, static_cast<off_t>(n_bytes));
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

void RecordFile::close() {
  if (fd_ < 0) return;
  std::exception_ptr failure;
  try {
    flush();
  } catch (const Error&) {
    failure = std::current_exception();
  }
  const int result = ::close(std::exchange(fd_, -1));
  if (failure) std::rethrow_exception(failure);
  // EINTR leaves the descriptor closed on Linux (close(2)), so it is not tried again.
  if (result != 0 && errno != EINTR) {
    throw IoError(fmt::format("cannot close '{}': {}; its last records may be missing",
                              path_.string(), reason(errno)));
  }
}

}  // namespace ranklog::trackers::support
