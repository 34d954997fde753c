// A configuration as YAML that YAML 1.1 and 1.2 readers understand alike.
#pragma once

#include <string>

#include "ranklog/config.hpp"

namespace ranklog::trackers::support {

// Nested dictionaries as blocks, lists in brackets, all keys and strings quoted.
[[nodiscard]] std::string to_yaml(const Config& config);

}  // namespace ranklog::trackers::support
