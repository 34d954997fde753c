// The trackers that are compiled into this build. Implemented by lib/trackers, which sees this
// module; so the registry knows them without seeing them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/tracker.hpp"

namespace ranklog::tracking {

struct BuiltinTracker {
  std::string_view name;
  std::unique_ptr<GeneralTracker> (*make)();
  bool is_in_all;  // part of `"all"`
  // Why `"all"` leaves it out where this process runs; empty text: it does not. Null: never.
  std::string (*left_out_because)() = nullptr;
};

// In the order of `"all"`.
[[nodiscard]] const std::vector<BuiltinTracker>& builtin_trackers();

}  // namespace ranklog::tracking
