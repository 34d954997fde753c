#include "accelerator/run_directory.hpp"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include "core/text.hpp"
#include "provenance/scheduler.hpp"
#include "ranklog/error.hpp"
#include "ranklog/key.hpp"

namespace ranklog {
namespace {

namespace fs = std::filesystem;

constexpr int max_default_names = 1000;

std::string_view advice_for(int error) noexcept {
  switch (error) {
    case EACCES:
    case EPERM:
      return "choose a project_dir that you may write, or ask for the permission";
    case EROFS:
      return "this filesystem is mounted read-only here, as homes often are on compute nodes; "
             "choose a project_dir on the scratch filesystem";
    case ENOSPC:
    case EDQUOT:
      return "no space, files or quota is left; free some or choose another project_dir";
    case ENOTDIR:
    case EEXIST:
      return "a file is where a folder is needed; move it away or choose another project_dir";
    case ENAMETOOLONG:
      return "the path is too long; choose shorter names";
    default:
      return "check project_dir and that its filesystem works on this node";
  }
}

// The part of `path` that is there, so that the message shows where the trouble begins.
fs::path nearest_existing(fs::path path) {
  std::error_code ignored;
  while (!fs::exists(path, ignored) && path.has_relative_path()) path = path.parent_path();
  return path;
}

[[noreturn]] void fail(const fs::path& path, int error) {
  throw DirectoryError(
      fmt::format("cannot make the folder '{}': {} (what exists is '{}'); {}",
                  escape_unprintable(path.string(), 4096), std::generic_category().message(error),
                  escape_unprintable(nearest_existing(path).string(), 4096), advice_for(error)));
}

fs::path absolute_directory(const fs::path& directory) {
  if (directory.empty())
    throw DirectoryError("cannot make a run's folder: logging_dir is empty; set project_dir");
  std::error_code error;
  const fs::path path = fs::absolute(directory, error);
  if (error) fail(directory, error.value());
  return path.lexically_normal();
}

void make_parents(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) fail(directory, error.value());
}

// False if there is something of that name. The mkdir is also the test that the parent can be
// written, and the only step that decides between two jobs.
bool make_exclusively(const fs::path& path) {
  if (::mkdir(path.c_str(), 0777) == 0) return true;
  if (errno == EEXIST) return false;
  fail(path, errno);
}

std::string first_free_name(const fs::path& project_dir, const std::string& name) {
  if (make_exclusively(project_dir / name)) return name;
  for (int n = 2; n <= max_default_names; ++n) {
    std::string numbered = fmt::format("{}-{}", name, n);
    if (make_exclusively(project_dir / numbered)) return numbered;
  }
  throw RunExistsError(
      fmt::format("the run names '{}' to '{}-{}' are all taken in '{}'; give a run_name or tidy up",
                  escape_unprintable(name), escape_unprintable(name), max_default_names,
                  escape_unprintable(project_dir.string(), 4096)));
}

}  // namespace

std::string default_run_name(const provenance::Environment& environment, std::time_t now) {
  if (auto job = provenance::scheduler_job_name(environment)) return *job;
  std::tm local{};
  ::localtime_r(&now, &local);
  std::array<char, 32> text{};
  const std::size_t n_chars = std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &local);
  return {text.data(), n_chars};
}

std::string make_run_id() {
  std::uint64_t bits = 0;
  ssize_t n_bytes = 0;
  do {
    n_bytes = ::getrandom(&bits, sizeof bits, 0);
  } while (n_bytes < 0 && errno == EINTR);
  if (n_bytes != static_cast<ssize_t>(sizeof bits))
    throw IoError("cannot make a run id: " + std::generic_category().message(errno) +
                  "; this system gives no random numbers");
  return fmt::format("{:016x}", bits);
}

RunDirectory create_run_directory(const fs::path& logging_dir, std::string_view project,
                                  std::string_view run_name) {
  validate_path_component(project, "project name");
  if (!run_name.empty()) validate_path_component(run_name, "run name");
  const fs::path project_dir = absolute_directory(logging_dir) / project;
  RunDirectory run;
  run.run_id = make_run_id();
  make_parents(project_dir);
  if (run_name.empty()) {
    run.run_name = first_free_name(
        project_dir, default_run_name(&provenance::process_environment, std::time(nullptr)));
  } else {
    run.run_name = run_name;
    if (!make_exclusively(project_dir / run.run_name))
      throw RunExistsError(fmt::format(
          "run '{}' of project '{}' exists already in '{}', and runs are never overwritten; give "
          "another run_name, leave it empty for a name of its own, or move the folder away",
          escape_unprintable(run_name), escape_unprintable(project),
          escape_unprintable(project_dir.string(), 4096)));
  }
  run.path = project_dir / run.run_name;
  return run;
}

}  // namespace ranklog
