#include "tracking/registry.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"
#include "tracking/builtin_trackers.hpp"
#include "tracking/reporter.hpp"

namespace ranklog {
namespace {

struct Registered {
  std::string name;
  TrackerFactory factory;
};

std::vector<Registered>& registered() {
  static std::vector<Registered> all;
  return all;
}

Registered* find_registered(std::string_view name) {
  auto& all = registered();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Registered& r) { return r.name == name; });
  return found == all.end() ? nullptr : &*found;
}

const tracking::BuiltinTracker* find_builtin(std::string_view name) {
  for (const auto& builtin : tracking::builtin_trackers()) {
    if (builtin.name == name) return &builtin;
  }
  return nullptr;
}

}  // namespace

void register_tracker(TrackerFactory factory) {
  const auto sample = factory ? factory() : nullptr;
  if (!sample) throw UsageError("register_tracker: the factory made no tracker");
  const std::string name = sample->name();
  if (name.empty()) throw UsageError("register_tracker: the tracker's name() is empty");
  if (name == to_string(LoggerType::all)) {
    throw UsageError("register_tracker: the name 'all' means every tracker; choose another");
  }
  if (auto* known = find_registered(name)) {
    tracking::report(fmt::format("tracker '{}' was registered before; the new one replaces it",
                                 escape_unprintable(name)));
    known->factory = std::move(factory);
    return;
  }
  if (find_builtin(name) != nullptr) {
    tracking::report(
        fmt::format("registered tracker '{}' replaces the built-in one", escape_unprintable(name)));
  }
  registered().push_back({name, std::move(factory)});
}

std::vector<std::string> get_available_trackers() {
  std::vector<std::string> names;
  for (const auto& builtin : tracking::builtin_trackers()) names.emplace_back(builtin.name);
  for (const auto& custom : registered()) {
    if (std::find(names.begin(), names.end(), custom.name) == names.end()) {
      names.push_back(custom.name);
    }
  }
  return names;
}

namespace tracking {

std::unique_ptr<GeneralTracker> make_tracker(std::string_view name) {
  if (const auto* custom = find_registered(name)) return custom->factory();
  if (const auto* builtin = find_builtin(name)) return builtin->make();
  return nullptr;
}

std::vector<std::string> trackers_of_all() {
  std::vector<std::string> names;
  for (const auto& builtin : builtin_trackers()) {
    if (builtin.is_in_all) names.emplace_back(builtin.name);
  }
  return names;
}

}  // namespace tracking
}  // namespace ranklog
