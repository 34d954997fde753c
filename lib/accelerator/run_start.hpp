// Begins a run or takes one up again: its folder, its lock, and which attempt this is. Used on
// rank 0 only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "accelerator/run_directory.hpp"
#include "accelerator/run_lock.hpp"
#include "ranklog/accelerator.hpp"

namespace ranklog {

struct StartedRun {
  RunDirectory directory;
  RunLock lock;
  std::int32_t attempt = 0;
  bool is_resumed = false;
  std::int64_t first_step = 0;
};

// The step behind the last recorded one of the run in that folder, if a tracker knows.
using NextStep = std::function<std::optional<std::int64_t>(const std::filesystem::path& run_dir)>;

// Errors: those of create_run_directory and RunLock; UsageError when there is nothing to resume or
// nobody knows from which step.
[[nodiscard]] StartedRun start_run(const std::filesystem::path& logging_dir,
                                   std::string_view project, const InitOptions& options,
                                   const NextStep& next_step);

}  // namespace ranklog
