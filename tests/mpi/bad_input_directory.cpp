// Directories that are missing, taken, full or closed to us, over real MPI.
#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "mpi/mpi_test.hpp"
#include "ranklog/accelerator.hpp"
#include "support/agreed_error.hpp"
#include "support/scripted_tracker.hpp"

using ranklog::Accelerator;
using ranklog::ErrorCode;
using ranklog::mpi_test::SharedDirectory;
using ranklog::mpi_test::world_rank;
using ranklog::test_support::agreed_error;
using ranklog::test_support::Script;
using ranklog::test_support::ScriptedTracker;
using ranklog::test_support::Thrown;
namespace fs = std::filesystem;

namespace {

constexpr uid_t nobody = 65534;

std::shared_ptr<ScriptedTracker> needy() {
  return std::make_shared<ScriptedTracker>(Script{.needs_directory = true});
}

// Collective: what init_trackers throws when `directory` is the project_dir.
Thrown error_in(const fs::path& directory, const std::string& run_name = "run") {
  Accelerator accelerator({.log_with = needy(), .project_dir = directory.string()});
  return agreed_error(
      [&] { accelerator.init_trackers("project", std::nullopt, {.run_name = run_name}); });
}

// A file system without room for one more file, seen by this process alone.
class FullFilesystem {
 public:
  explicit FullFilesystem(fs::path place) : place_(std::move(place)) {
    fs::create_directory(place_);
    is_mounted_ = ::unshare(CLONE_NEWNS) == 0 &&
                  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                  ::mount("tmpfs", place_.c_str(), "tmpfs", 0, "size=4k,nr_inodes=1") == 0;
  }
  ~FullFilesystem() {
    if (is_mounted_) ::umount2(place_.c_str(), MNT_DETACH);
  }
  FullFilesystem(const FullFilesystem&) = delete;
  FullFilesystem& operator=(const FullFilesystem&) = delete;
  [[nodiscard]] bool is_mounted() const noexcept { return is_mounted_; }

 private:
  fs::path place_;
  bool is_mounted_;
};

}  // namespace

TEST_CASE("a tracker that needs a directory is refused without one, on all ranks alike") {
  const auto thrown = agreed_error([] { Accelerator({.log_with = needy()}); });
  CHECK(thrown.code == ErrorCode::missing_logging_dir);
  CHECK(thrown.says("tracker 'scripted' needs a directory"));
  CHECK(thrown.says("pass project_dir"));
}

TEST_CASE("a directory that is not there is made, on rank 0") {
  const SharedDirectory shared("missing");
  const auto directory = shared.path() / "deep" / "er";
  Accelerator accelerator({.log_with = needy(), .project_dir = directory.string()});
  accelerator.init_trackers("project", std::nullopt, {.run_name = "run"});
  CHECK(accelerator.run_directory() == (directory / "project" / "run").string());
  CHECK(fs::is_directory(accelerator.run_directory()));
  accelerator.end_training();
}

TEST_CASE("a file where the directory should be is an error on all ranks alike") {
  const SharedDirectory shared("file");
  const auto file = shared.path() / "taken";
  if (world_rank() == 0) std::ofstream(file) << "not a directory";
  const auto thrown = error_in(file);
  CHECK(thrown.code == ErrorCode::directory);
  CHECK(thrown.says(file.string()));
  CHECK(thrown.says("a file is where a folder is needed"));
  CHECK(error_in(file / "below").code == ErrorCode::directory);
}

TEST_CASE("an empty directory name is an error on all ranks alike") {
  CHECK(error_in("").code == ErrorCode::directory);
}

TEST_CASE("a directory that cannot be written is an error on all ranks alike") {
  const SharedDirectory shared("unwritable");
  const auto directory = shared.path() / "closed";
  if (world_rank() == 0) {
    fs::create_directory(directory);
    fs::permissions(shared.path(), fs::perms::all);
    fs::permissions(directory, fs::perms::owner_read | fs::perms::owner_exec |
                                   fs::perms::others_read | fs::perms::others_exec);
  }
  // Root may write everywhere, so rank 0 is somebody else for the moment.
  const bool is_root = world_rank() == 0 && ::geteuid() == 0;
  const bool can_write = is_root && ::seteuid(nobody) != 0;
  if (!ranklog::mpi_test::all_ranks(!can_write)) {
    MESSAGE("skipped: root may write everywhere and cannot become another user here");
    return;
  }
  const auto thrown = error_in(directory);
  if (is_root) REQUIRE(::seteuid(0) == 0);
  CHECK(thrown.code == ErrorCode::directory);
  CHECK(thrown.says(directory.string()));
  CHECK(thrown.says("choose a project_dir that you may write"));
}

TEST_CASE("a full directory is an error on all ranks alike") {
  const SharedDirectory shared("full");
  const auto place = shared.path() / "full";
  std::unique_ptr<FullFilesystem> full;
  if (world_rank() == 0) full = std::make_unique<FullFilesystem>(place);
  if (!ranklog::mpi_test::all_ranks(!full || full->is_mounted())) {
    MESSAGE("skipped: a small file system cannot be mounted here (needs CAP_SYS_ADMIN)");
    return;
  }
  const auto thrown = error_in(place);
  CHECK(thrown.code == ErrorCode::directory);
  CHECK(thrown.says(place.string()));
  CHECK(thrown.says("no space"));
}

TEST_CASE("a run that exists is never overwritten, and all ranks say so alike") {
  const SharedDirectory shared("exists");
  CHECK(error_in(shared.path(), "first").code == ErrorCode::none);
  const auto thrown = error_in(shared.path(), "first");
  CHECK(thrown.code == ErrorCode::run_exists);
  CHECK(thrown.says("run 'first' of project 'project' exists already"));
  CHECK(thrown.says("give another run_name"));
}

TEST_CASE("runs without a name get one each, the same on all ranks") {
  const SharedDirectory shared("unnamed");
  std::string names[2];
  for (auto& name : names) {
    Accelerator accelerator({.log_with = needy(), .project_dir = shared.path().string()});
    accelerator.init_trackers("project");
    name = accelerator.run_name();
    CHECK(name == ranklog::test_support::text_of_rank_0(name));
    CHECK(fs::is_directory(accelerator.run_directory()));
  }
  CHECK(names[0] != names[1]);
}
