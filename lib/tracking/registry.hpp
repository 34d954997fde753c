// Which trackers can be selected by name, and how to make them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/tracker.hpp"

namespace ranklog::tracking {

// Null when no tracker of that name can be made in this build.
[[nodiscard]] std::unique_ptr<GeneralTracker> make_tracker(std::string_view name);

// The built-in trackers that `"all"` selects, in order. Registered ones are not among them.
[[nodiscard]] std::vector<std::string> trackers_of_all();

}  // namespace ranklog::tracking
