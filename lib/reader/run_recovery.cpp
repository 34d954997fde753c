#include "ranklog/run_recovery.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/text.hpp"
#include "hdf5/committed_file.hpp"
#include "hdf5/layout.hpp"
#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"

namespace ranklog {
namespace {

namespace fs = std::filesystem;
using State = h5::ReadJournal::State;

// What a job that records to the run holds locked; see docs/design/0008-resume.md.
constexpr const char* lock_name = "run.lock";

std::string shown(const fs::path& path) { return escape_unprintable(path.string()); }

std::string line_of(std::string_view text, std::string_view name) {
  const std::size_t begin = text.find(name);
  if (begin == std::string_view::npos) return "unknown";
  const std::string_view rest = text.substr(begin + name.size());
  return escape_unprintable(rest.substr(0, rest.find('\n')), 256);
}

// Keeps jobs away from the run while it lives. Where the file system has no locks, nobody is kept
// away: a job that was killed there must not stop its recovery.
class Lock {
 public:
  explicit Lock(const fs::path& run_file)
      : descriptor_(::open((run_file.parent_path() / lock_name).c_str(), O_RDWR | O_CLOEXEC)) {
    if (descriptor_ < 0) return;
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(descriptor_, F_OFD_SETLK, &whole) == 0 || (errno != EAGAIN && errno != EACCES)) {
      return;
    }
    std::array<char, 1024> text{};
    const ssize_t n = ::pread(descriptor_, text.data(), text.size(), 0);
    ::close(descriptor_);
    const std::string_view owner(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    throw RunInUseError(fmt::format(
        "cannot recover {}: a job is still recording to it (host {}, pid {}); wait until it ends",
        shown(run_file), line_of(owner, "host="), line_of(owner, "pid=")));
  }
  ~Lock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int descriptor_;
};

}  // namespace

RunRecovery recover_run(const fs::path& path) {
  // Opening it proves that what the journal adds makes it a run file.
  const std::string run_id = RunReader(path).info().run_id;
  std::error_code unknown;
  RunRecovery result{fs::is_directory(path, unknown) ? path / h5::run_file_name : path};
  const Lock lock(result.file);
  try {
    const h5::ReadJournal journal = h5::read_journal(result.file);
    const bool is_pending = journal.state == State::pending;
    if (is_pending && journal.record.header().run_id != run_id) throw h5::WrongFile();
    const h5::Recovery done = h5::recover(result.file);
    result.n_bytes = done.n_bytes;
    result.action = done.found == State::absent    ? RunRecovery::Action::none
                    : done.found == State::pending ? RunRecovery::Action::completed
                                                   : RunRecovery::Action::cleaned;
  } catch (const h5::WrongFile&) {
    throw FileFormatError(
        fmt::format("cannot recover {}: the journal beside it belongs to another run, or the file "
                    "was changed since; remove {} if the file is the right one",
                    shown(result.file), shown(h5::journal_path(result.file))));
  } catch (const std::system_error& error) {
    throw IoError(fmt::format("cannot recover {}: {}", shown(result.file), error.code().message()));
  }
  return result;
}

}  // namespace ranklog
