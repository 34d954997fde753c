// Which trackers can be selected by name, and how to make them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/tracker.hpp"

namespace ranklog::tracking {

// Null when no tracker of that name can be made in this build.
[[nodiscard]] std::unique_ptr<GeneralTracker> make_tracker(std::string_view name);

// Whether ranklog brings a tracker of that name along, and nobody replaced it.
[[nodiscard]] bool is_builtin(std::string_view name);

// Built-in trackers that `"all"` leaves out, and why, by name; e.g. one that talks to a server when
// no server is named. Depends on this process's environment, so rank 0 decides for all ranks.
using LeftOut = std::map<std::string, std::string>;
[[nodiscard]] LeftOut left_out_of_all();
// As one text for the other ranks, and back.
[[nodiscard]] std::string to_text(const LeftOut& left_out);
[[nodiscard]] LeftOut parse_left_out(std::string_view text);

// The built-in trackers that `"all"` selects, in order. Registered ones are not among them.
[[nodiscard]] std::vector<std::string> trackers_of_all(const LeftOut& left_out = left_out_of_all());

}  // namespace ranklog::tracking
