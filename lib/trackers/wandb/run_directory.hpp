// The directory of an offline run, as the W&B SDK lays it out:
//   <directory>/wandb/offline-run-20261123_145653-<id>/{run-<id>.wandb, files/, logs/, tmp/}
#pragma once

#include <filesystem>
#include <string>

namespace ranklog::trackers::wandb {

// `.wandb` where there is one already, as in the SDK, else `wandb`.
[[nodiscard]] std::filesystem::path wandb_directory(const std::filesystem::path& directory);

// Makes the directory of a run that began at `start` (seconds since the epoch), with a number
// behind its name if there is one of that second, and points `latest-run` to it.
// Errors: DirectoryError.
[[nodiscard]] std::filesystem::path make_run_directory(const std::filesystem::path& directory,
                                                       const std::string& id, double start);

}  // namespace ranklog::trackers::wandb
