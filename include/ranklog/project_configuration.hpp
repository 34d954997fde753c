// Where a run's files go, with the fields of Accelerate's class of this name.
#pragma once

#include <optional>
#include <string>

namespace ranklog {

struct ProjectConfiguration {
  std::optional<std::string> project_dir = {};
  std::optional<std::string> logging_dir = {};  // default: project_dir
  bool automatic_checkpoint_naming = false;
  std::optional<int> total_limit = {};  // checkpoints to keep
  int iteration = 0;                    // of the next checkpoint
  bool save_on_each_node = false;

  // Sets project_dir, and logging_dir too unless it already has a value.
  void set_directories(const std::optional<std::string>& directory);
};

}  // namespace ranklog
