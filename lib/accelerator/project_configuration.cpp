#include "ranklog/project_configuration.hpp"

namespace ranklog {

void ProjectConfiguration::set_directories(const std::optional<std::string>& directory) {
  project_dir = directory;
  if (!logging_dir) logging_dir = directory;
}

}  // namespace ranklog
