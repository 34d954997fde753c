#include "tracking/selection.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/text.hpp"

namespace ranklog {

std::shared_ptr<GeneralTracker> TrackerSelector::instance() const noexcept {
  const auto* found = std::get_if<std::shared_ptr<GeneralTracker>>(&what_);
  return found == nullptr ? nullptr : *found;
}

namespace tracking {
namespace {

constexpr std::string_view all = "all";

bool has_name(const std::vector<Selected>& selected, std::string_view name) {
  return std::any_of(selected.begin(), selected.end(),
                     [&](const Selected& s) { return !s.is_instance && s.name == name; });
}

Selected make_selected(const std::string& name) {
  if (auto tracker = make_tracker(name)) return {name, std::move(tracker), false};
  if (logger_type_from_string(name)) {
    throw TrackerUnavailableError(
        fmt::format("tracker '{}' is not part of this build of ranklog; available here: {}", name,
                    fmt::join(get_available_trackers(), ", ")));
  }
  throw UnknownTrackerError(
      fmt::format("log_with has '{}', which is no tracker; choose from all, {}",
                  escape_unprintable(name), fmt::join(get_available_trackers(), ", ")));
}

// The names that `"all"` stands for here, and what it leaves out.
std::string note_on_all(const std::vector<std::string>& used, const LeftOut& left_out_here) {
  std::vector<std::string_view> left_out;
  for (const auto type : logger_types()) {
    const auto name = to_string(type);
    if (type == LoggerType::all || name == "console" || name == "jsonl" || name == "memory")
      continue;
    if (left_out_here.contains(std::string(name))) continue;
    if (std::find(used.begin(), used.end(), name) == used.end()) left_out.push_back(name);
  }
  if (left_out.empty() && left_out_here.empty()) return {};
  auto note = fmt::format("log_with \"all\" uses {}", fmt::join(used, ", "));
  for (const auto& [name, why] : left_out_here) {
    note += fmt::format("; left out: {} ({})", name, escape_unprintable(why));
  }
  if (!left_out.empty()) {
    note += fmt::format("; not part of this build: {}", fmt::join(left_out, ", "));
  }
  return note;
}

void check_directory(const std::vector<Selected>& selected, bool has_logging_dir) {
  if (has_logging_dir) return;
  for (const auto& entry : selected) {
    if (!entry.tracker->requires_logging_directory()) continue;
    throw MissingLoggingDirError(fmt::format(
        "tracker '{}' needs a directory; pass project_dir (or project_config.logging_dir)",
        entry.name));
  }
}

}  // namespace

ResolvedSelection resolve(const TrackerSelection& selection, bool has_logging_dir,
                          const LeftOut& left_out) {
  const auto& list = selection.list();
  const bool wants_all = std::any_of(list.begin(), list.end(), [](const TrackerSelector& s) {
    return s.name() != nullptr && *s.name() == all;
  });
  ResolvedSelection resolved;
  auto& trackers = resolved.trackers;
  for (const auto& entry : list) {
    if (entry.name() == nullptr) {
      if (!entry.instance()) throw UsageError("log_with has a null tracker instance");
      trackers.push_back({entry.instance()->name(), entry.instance(), true});
    } else if (*entry.name() != all && !has_name(trackers, *entry.name())) {
      trackers.push_back(make_selected(*entry.name()));
    }
  }
  if (wants_all) {
    std::stable_partition(trackers.begin(), trackers.end(),
                          [](const Selected& s) { return s.is_instance; });
    std::vector<Selected> named(std::find_if(trackers.begin(), trackers.end(),
                                             [](const Selected& s) { return !s.is_instance; }),
                                trackers.end());
    trackers.resize(trackers.size() - named.size());
    const auto of_all = trackers_of_all(left_out);
    for (const auto& name : of_all) trackers.push_back(make_selected(name));
    for (auto& entry : named) {
      if (!has_name(trackers, entry.name)) trackers.push_back(std::move(entry));
    }
    resolved.note = note_on_all(of_all, left_out);
  }
  check_directory(trackers, has_logging_dir);
  return resolved;
}

}  // namespace tracking
}  // namespace ranklog
