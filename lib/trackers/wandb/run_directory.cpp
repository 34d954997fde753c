#include "trackers/wandb/run_directory.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <ctime>
#include <system_error>

#include "ranklog/error.hpp"

namespace ranklog::trackers::wandb {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void reject(const fs::path& path, const std::error_code& error) {
  throw DirectoryError(
      fmt::format("tracker 'wandb' cannot make '{}': {}; name another place with WANDB_DIR or the "
                  "option 'dir'",
                  path.string(), error.message()));
}

void make_directories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) reject(path, error);
}

// `wandb leet` and people look for it; a run is whole without it.
void point_latest_run_to(const fs::path& run) {
  std::error_code ignored;
  const fs::path link = run.parent_path() / "latest-run";
  const fs::path made = fmt::format("{}.{}", link.string(), ::getpid());
  fs::create_directory_symlink(run.filename(), made, ignored);
  fs::rename(made, link, ignored);
}

}  // namespace

fs::path wandb_directory(const fs::path& directory) {
  std::error_code error;
  const fs::path hidden = directory / ".wandb";
  return fs::is_directory(hidden, error) ? hidden : directory / "wandb";
}

fs::path make_run_directory(const fs::path& directory, const std::string& id, double start) {
  const fs::path parent = wandb_directory(directory);
  make_directories(parent);
  const auto seconds = static_cast<std::time_t>(start);
  const std::string base =
      fmt::format("offline-run-{:%Y%m%d_%H%M%S}-{}", fmt::localtime(seconds), id);
  constexpr int max_tries = 1000;
  for (int i = 0; i < max_tries; ++i) {
    const fs::path run = parent / (i == 0 ? base : fmt::format("{}-{}", base, i));
    std::error_code error;
    if (!fs::create_directory(run, error)) {
      if (error) reject(run, error);
      continue;
    }
    for (const char* const name : {"files", "logs", "tmp"}) make_directories(run / name);
    point_latest_run_to(run);
    return run;
  }
  reject(parent / base, std::make_error_code(std::errc::file_exists));
}

}  // namespace ranklog::trackers::wandb
