#include "reader/open_run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "core/text.hpp"
#include "hdf5/journal.hpp"
#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "ranklog/version.hpp"
#include "reader/objects.hpp"

namespace ranklog::reader {
namespace {

namespace fs = std::filesystem;
using h5::checked;
using Clock = std::chrono::steady_clock;

// How long a file that a job writes may disturb its readers before they give up.
constexpr std::chrono::milliseconds patience{2000};
constexpr std::chrono::milliseconds pause{20};
constexpr int n_tries_at_once = 3;  // as the next flush of most runs is a second away
constexpr std::chrono::seconds just_begun{2};

std::string shown(const fs::path& path) { return escape_unprintable(path.string()); }

// Tells a file that the system refuses from one that HDF5 does not understand.
void check_readable(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw FileFormatError(
        fmt::format("{} is not a run file: it is not a regular file", shown(path)));
  }
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    throw IoError(
        fmt::format("cannot open the run file {}: {}", shown(path), std::strerror(errno)));
  }
  ::close(descriptor);
}

}  // namespace

OpenRun::OpenRun(fs::path run_file) : path_(std::move(run_file)) {
  read([] {});
}

void OpenRun::reject(const std::string& cause) const {
  throw FileFormatError(
      fmt::format("cannot read {} as a run file: {}", shown(path_), escape_unprintable(cause)));
}

void OpenRun::read(const std::function<void()>& body) {
  const Clock::time_point deadline = Clock::now() + patience;
  const h5::QuietErrors quiet;
  for (int n_tries = 1;; ++n_tries) {
    std::string cause = "it is being written faster than it can be read";
    bool is_torn = true;
    try {
      if (file_ && !is_current()) close();
      if (!file_) reopen();
      body();
      if (is_current()) return;
    } catch (const h5::CallFailed& failure) {
      cause = failure.what();
      is_torn = may_be_torn();
    } catch (const Damage& damage) {
      cause = damage.what();
      is_torn = may_be_torn();
    } catch (const InvalidKeyError& error) {
      cause = error.what();
      is_torn = may_be_torn();
    }
    close();
    if (!is_torn) reject(cause);
    if (Clock::now() > deadline) reject(cause + "; if a job is writing it just now, try again");
    if (n_tries >= n_tries_at_once) std::this_thread::sleep_for(pause);
  }
}

void OpenRun::reopen() {
  check_readable(path_);
  try {
    committed_ = std::make_unique<h5::CommittedFile>(path_);
  } catch (const std::system_error& error) {
    throw IoError(
        fmt::format("cannot read the journal of {}: {}", shown(path_), error.code().message()));
  }
  const h5::PropertyList access = committed_->access();
  file_ =
      h5::File(checked(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access.get()), "open", "the file"));
  check_format();
}

void OpenRun::close() noexcept {
  index_.reset();
  abandoned_.reset();
  found_abandoned_.clear();
  file_.close();
}

bool OpenRun::is_current() const {
  try {
    return committed_ != nullptr && committed_->is_current();
  } catch (const std::system_error& error) {
    throw IoError(
        fmt::format("cannot read the journal of {}: {}", shown(path_), error.code().message()));
  }
}

// A file that was begun a moment ago holds nothing yet.
bool OpenRun::may_be_torn() const {
  if (!is_current()) return true;
  std::error_code error;
  const auto changed = fs::last_write_time(path_, error);
  return !error && fs::exists(h5::journal_path(path_), error) &&
         fs::file_time_type::clock::now() - changed < just_begun;
}

void OpenRun::check_format() const {
  if (checked(H5Aexists(file(), "ranklog_format"), "look for", "ranklog_format") == 0) {
    throw Damage("it is an HDF5 file, but not one of ranklog's");
  }
  const std::int64_t format = read_integer_attribute(file(), "ranklog_format");
  if (format == run_file_format) return;
  throw Damage(
      fmt::format("its format is {}, and this version knows up to {}; use a newer version of "
                  "ranklog",
                  format, run_file_format));
}

h5::Group OpenRun::open(const char* group) const {
  return h5::Group(checked(H5Gopen2(file(), group, H5P_DEFAULT), "open group", group));
}

Lengths OpenRun::lengths() const {
  return read_text_attribute(file(), "status") == "running" ? Lengths::may_differ
                                                            : Lengths::must_agree;
}

const std::vector<FoundSeries>& OpenRun::index() {
  if (!index_) index_ = find_series(file());
  return *index_;
}

const std::vector<AbandonedSeries>& OpenRun::abandoned() {
  if (!abandoned_) find_abandoned();
  return *abandoned_;
}

void OpenRun::find_abandoned() {
  std::vector<AbandonedSeries> all;
  found_abandoned_.clear();
  for (const std::int32_t attempt : attempt_numbers(file())) {
    const std::string path = fmt::format("/run/{}", attempt);
    const h5::Group group = open(path.c_str());
    if (!has_link(group.get(), h5::abandoned_name)) continue;
    const std::string below = fmt::format("{}/{}", path, h5::abandoned_name);
    for (const std::string& name : group_names(open(below.c_str()).get())) {
      const std::int32_t by = attempt_number(name);
      if (by < 0) continue;
      for (FoundSeries& found : find_series(file(), fmt::format("{}/{}", below, name))) {
        all.push_back({attempt, by, found.info});
        found_abandoned_.push_back(std::move(found));
      }
    }
  }
  abandoned_ = std::move(all);
}

const FoundSeries& OpenRun::found_abandoned(const AbandonedSeries& series) {
  const auto& all = abandoned();
  const auto found = std::find_if(all.begin(), all.end(), [&](const AbandonedSeries& one) {
    return one.attempt == series.attempt && one.replaced_by == series.replaced_by &&
           one.info.key == series.info.key;
  });
  if (found == all.end()) {
    throw UsageError(
        fmt::format("the run {} has no rows of '{}' that attempt {} replaced; "
                    "abandoned() lists them",
                    shown(path_), escape_unprintable(series.info.key), series.replaced_by));
  }
  return found_abandoned_[static_cast<std::size_t>(found - all.begin())];
}

fs::path run_file_of(const fs::path& path) {
  std::error_code unknown;
  return fs::is_directory(path, unknown) ? path / h5::run_file_name : path;
}

std::int32_t attempt_number(std::string_view name) noexcept {
  std::int32_t number = -1;
  const char* const end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end && number >= 0 ? number : -1;
}

std::vector<std::int32_t> attempt_numbers(hid_t file) {
  const h5::Group runs(checked(H5Gopen2(file, "/run", H5P_DEFAULT), "open group", "/run"));
  std::vector<std::int32_t> numbers;
  for (const std::string& name : group_names(runs.get())) {
    if (const std::int32_t number = attempt_number(name); number >= 0) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  if (numbers.empty()) throw Damage("/run holds no attempt");
  return numbers;
}

}  // namespace ranklog::reader
