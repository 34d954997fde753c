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

bool is_builtin(std::string_view name) {
  return find_registered(name) == nullptr && find_builtin(name) != nullptr;
}

LeftOut left_out_of_all() {
  LeftOut left_out;
  for (const auto& builtin : builtin_trackers()) {
    if (!builtin.is_in_all || builtin.left_out_because == nullptr) continue;
    if (auto why = builtin.left_out_because(); !why.empty()) {
      left_out.emplace(builtin.name, std::move(why));
    }
  }
  return left_out;
}

std::string to_text(const LeftOut& left_out) {
  std::string text;
  for (const auto& [name, why] : left_out) text += name + '=' + why + '\n';
  return text;
}

LeftOut parse_left_out(std::string_view text) {
  LeftOut left_out;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    const auto equals = line.find('=');
    left_out.emplace(line.substr(0, equals), line.substr(std::min(equals + 1, line.size())));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return left_out;
}

std::vector<std::string> trackers_of_all(const LeftOut& left_out) {
  std::vector<std::string> names;
  for (const auto& builtin : builtin_trackers()) {
    std::string name(builtin.name);
    if (builtin.is_in_all && !left_out.contains(name)) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace tracking
}  // namespace ranklog
