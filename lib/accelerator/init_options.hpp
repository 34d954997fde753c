// The options of all trackers, typed and untyped, as one map.
#pragma once

#include <map>
#include <string>

#include "ranklog/accelerator.hpp"

namespace ranklog {

// Errors: UsageError for an option that is given twice.
[[nodiscard]] std::map<std::string, Config> all_tracker_options(const InitOptions& options);

}  // namespace ranklog
