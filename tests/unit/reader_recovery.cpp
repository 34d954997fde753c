// recover_run: what it refuses, and that it changes nothing then.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include "hdf5/journal.hpp"
#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "ranklog/run_recovery.hpp"
#include "support/failing_calls.hpp"
#include "support/scratch_directory.hpp"
#include "unit/hdf5_support.hpp"

using namespace ranklog;                // NOLINT: a test file
using namespace ranklog::test_support;  // NOLINT
namespace fs = std::filesystem;

namespace {

// Leaves a run whose last flush is in the journal and only partly in the file.
void leave_pending_run(const fs::path& directory, std::string run_id = "0123456789abcdef") {
  RecordMaker make;
  trackers::Hdf5Tracker tracker;
  TrackerContext context = context_in(directory, 2, {{"flush_interval_s", 1e6}});
  context.run_id = std::move(run_id);
  tracker.start(context);
  tracker.log(RecordMaker::record(0, {make.real("a", 1)}), {});
  tracker.flush();
  tracker.log(RecordMaker::record(1, {make.real("a", 2)}), {});
  bool is_in_place = false;
  int n_places = 0;
  class Calls : public h5::SystemCalls {
   public:
    Calls(bool& is_in_place, int& n_places) : is_in_place_(is_in_place), n_places_(n_places) {}
    ssize_t pwrite(int descriptor, const void* data, std::size_t n, off_t offset) override {
      if (is_in_place_ && ++n_places_ > 2) {
        errno = EIO;
        return -1;
      }
      if (n > 8 && std::memcmp(data, "\x89RLJ", 4) == 0) is_in_place_ = true;
      return SystemCalls::pwrite(descriptor, data, n, offset);
    }

   private:
    bool& is_in_place_;
    int& n_places_;
  } calls(is_in_place, n_places);
  const h5::ReplacedSystemCalls replaced(calls);
  CHECK_THROWS_WITH_AS(tracker.flush(), doctest::Contains("nothing is lost"), IoError);
  CHECK_THROWS_WITH_AS(tracker.finish({}), doctest::Contains("ranklog recover"), IoError);
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a run whose last flush is only in the journal is read, and recovered once") {
  ScratchDirectory directory;
  leave_pending_run(directory.path());
  CHECK(RunReader(directory.path()).read("a").step.size() == 2);
  const RunRecovery recovery = recover_run(directory.path());
  CHECK(recovery.file == directory.path() / "run.h5");
  CHECK(recovery.action == RunRecovery::Action::completed);
  CHECK(recovery.n_bytes > 0);
  CHECK(recover_run(directory.path()).action == RunRecovery::Action::none);
  CHECK(RunReader(directory.path()).read("a").step.size() == 2);
}

TEST_CASE("a journal of another run is refused, and nothing is changed") {
  ScratchDirectory one, other;
  leave_pending_run(one.path());
  leave_pending_run(other.path(), "fedcba9876543210");
  const fs::path file = one.path() / "run.h5";
  fs::copy_file(other.path() / "run.h5.journal", h5::journal_path(file),
                fs::copy_options::overwrite_existing);
  const std::string before = text_of(file);
  CHECK_THROWS_AS(recover_run(file), FileFormatError);
  CHECK(text_of(file) == before);
  CHECK(fs::exists(h5::journal_path(file)));
}

TEST_CASE("a run that a job is recording to is not recovered, and the job is named") {
  ScratchDirectory directory;
  leave_pending_run(directory.path());
  const fs::path lock = directory.path() / "run.lock";
  std::ofstream(lock) << "host=node7\npid=4711\nstate=running\n";
  const int descriptor = open(lock.c_str(), O_RDWR | O_CLOEXEC);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  REQUIRE(fcntl(descriptor, F_OFD_SETLK, &whole) == 0);
  CHECK_THROWS_WITH_AS(recover_run(directory.path()), doctest::Contains("host node7, pid 4711"),
                       RunInUseError);
  close(descriptor);
  CHECK(recover_run(directory.path()).action == RunRecovery::Action::completed);
}

TEST_CASE("what is no run is not recovered") {
  ScratchDirectory directory;
  CHECK_THROWS_AS(recover_run(directory.path()), IoError);
  std::ofstream(directory.path() / "run.h5") << "text";
  CHECK_THROWS_AS(recover_run(directory.path()), FileFormatError);
}
