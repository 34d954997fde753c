#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "accelerator/run_directory.hpp"
#include "ranklog/error.hpp"
#include "ranklog/project_configuration.hpp"
#include "support/fake_environment.hpp"
#include "support/scratch_directory.hpp"

using ranklog::create_run_directory;
using ranklog::DirectoryError;
using ranklog::InvalidNameError;
using ranklog::RunDirectory;
using ranklog::RunExistsError;
using ranklog::test_support::FakeEnvironment;
using ranklog::test_support::ScratchDirectory;
namespace fs = std::filesystem;

namespace {

std::string error_of(const fs::path& logging_dir, std::string_view name = "a") {
  try {
    (void)create_run_directory(logging_dir, "p", name);
  } catch (const DirectoryError& error) {
    return error.what();
  }
  return "";
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

// Sets a variable for the life of a test.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~ScopedVariable() { ::unsetenv(name_); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("a run's folder is made with the folders above it") {
  const ScratchDirectory scratch;
  const RunDirectory run = create_run_directory(scratch.path() / "a/b", "digits", "first");
  CHECK(run.run_name == "first");
  CHECK(run.path == scratch.path() / "a/b/digits/first");
  CHECK(fs::is_directory(run.path));
}

TEST_CASE("a relative logging directory gives an absolute path") {
  const ScratchDirectory scratch;
  const fs::path before = fs::current_path();
  fs::current_path(scratch.path());
  const RunDirectory run = create_run_directory("runs/", "p", "a");
  fs::current_path(before);
  CHECK(run.path == scratch.path() / "runs/p/a");
}

TEST_CASE("a given run name is never used twice") {
  const ScratchDirectory scratch;
  (void)create_run_directory(scratch.path(), "p", "a");
  try {
    (void)create_run_directory(scratch.path(), "p", "a");
    FAIL("no error");
  } catch (const RunExistsError& error) {
    CHECK(has(error.what(), "run 'a' of project 'p'"));
    CHECK(has(error.what(), "another run_name"));
  }
  CHECK_NOTHROW((void)create_run_directory(scratch.path(), "q", "a"));
  scratch.write("p/file", "");
  CHECK_THROWS_AS((void)create_run_directory(scratch.path(), "p", "file"), RunExistsError);
}

TEST_CASE("without a run name each run gets a new one, also when many start at once") {
  const ScratchDirectory scratch;
  const ScopedVariable job("SLURM_JOB_ID", "77");
  constexpr int n_runs = 8;
  std::vector<std::string> names(n_runs);
  {
    std::vector<std::jthread> threads;
    for (auto& name : names)
      threads.emplace_back([&] { name = create_run_directory(scratch.path(), "p", "").run_name; });
  }
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"slurm-77", "slurm-77-2", "slurm-77-3", "slurm-77-4",
                                          "slurm-77-5", "slurm-77-6", "slurm-77-7", "slurm-77-8"});
}

TEST_CASE("the search for a free name ends") {
  const ScratchDirectory scratch;
  const ScopedVariable job("SLURM_JOB_ID", "77");
  fs::create_directories(scratch.path() / "p/slurm-77");
  for (int n = 2; n <= 1000; ++n)
    fs::create_directory(scratch.path() / ("p/slurm-77-" + std::to_string(n)));
  CHECK_THROWS_AS((void)create_run_directory(scratch.path(), "p", ""), RunExistsError);
}

TEST_CASE("the default name is the scheduler's job, else date and time") {
  const ScopedVariable zone("TZ", "UTC");
  CHECK(ranklog::default_run_name(FakeEnvironment{{"PBS_JOBID", "5.srv"}}, 0) == "pbs-5");
  CHECK(ranklog::default_run_name(FakeEnvironment{}, 1795428900) == "20261123-101500");
}

TEST_CASE("run ids are 16 hex digits and differ") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(ranklog::make_run_id());
  CHECK(ids.size() == 1000);
  for (const auto& id : ids) {
    CHECK(id.size() == 16);
    CHECK(id.find_first_not_of("0123456789abcdef") == id.npos);
  }
}

TEST_CASE("names that could leave the logging directory are refused before anything is made") {
  const ScratchDirectory scratch;
  for (const char* name : {"..", "../x", "a/b", "/etc", ".", "a\nb", " a"}) {
    CAPTURE(name);
    CHECK_THROWS_AS((void)create_run_directory(scratch.path() / "d", "p", name), InvalidNameError);
    CHECK_THROWS_AS((void)create_run_directory(scratch.path() / "d", name, "a"), InvalidNameError);
  }
  CHECK_THROWS_AS((void)create_run_directory(scratch.path() / "d", "", "a"), InvalidNameError);
  CHECK_FALSE(fs::exists(scratch.path() / "d"));
}

TEST_CASE("a file in the place of a directory is named, with the reason and advice") {
  const ScratchDirectory scratch;
  scratch.write("file", "");
  for (const fs::path& directory : {scratch.path() / "file", scratch.path() / "file/below"}) {
    const std::string text = error_of(directory);
    CAPTURE(text);
    CHECK(has(text, (directory / "p").string()));
    CHECK(has(text, "Not a directory"));
    CHECK(has(text, "(what exists is '" + (scratch.path() / "file").string() + "')"));
    CHECK(has(text, "a file is where a folder is needed"));
  }
}

TEST_CASE("an empty logging directory is an error of its own") {
  CHECK(has(error_of(""), "logging_dir is empty"));
}

TEST_CASE("a directory that cannot be made is an error with the system's reason") {
  // procfs refuses new entries also to root.
  const std::string text = error_of("/proc/ranklog");
  CAPTURE(text);
  CHECK(has(text, "cannot make the folder '/proc/ranklog/p'"));
  CHECK(has(text, "No such file or directory"));
}

TEST_CASE("a directory without write permission is an error with advice") {
  if (::geteuid() == 0) {
    MESSAGE("root may write everywhere: not checked");
    return;
  }
  const ScratchDirectory scratch;
  fs::create_directory(scratch.path() / "p");
  fs::permissions(scratch.path() / "p", fs::perms::owner_read | fs::perms::owner_exec);
  const std::string text = error_of(scratch.path());
  fs::permissions(scratch.path() / "p", fs::perms::owner_all);
  CHECK(has(text, "Permission denied"));
  CHECK(has(text, "that you may write"));
}

TEST_CASE("a path that is too long is an error with advice") {
  const ScratchDirectory scratch;
  CHECK(has(error_of(scratch.path() / std::string(300, 'x')), "choose shorter names"));
}

TEST_CASE("set_directories fills the logging directory only where it is empty") {
  ranklog::ProjectConfiguration empty;
  empty.set_directories("a");
  CHECK(empty.project_dir == "a");
  CHECK(empty.logging_dir == "a");
  ranklog::ProjectConfiguration given;
  given.logging_dir = "logs";
  given.set_directories("a");
  CHECK(given.project_dir == "a");
  CHECK(given.logging_dir == "logs");
}
