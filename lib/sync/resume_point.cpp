#include "sync/resume_point.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace ranklog::sync {
namespace {

constexpr auto no_step = std::numeric_limits<std::int64_t>::max();

struct Key {
  std::vector<std::int64_t> steps;
  std::size_t n_delivered = 0;

  // Rows at the front that are below `step`.
  [[nodiscard]] std::size_t n_below(std::int64_t step) const {
    const auto end =
        std::find_if(steps.begin(), steps.end(), [&](std::int64_t one) { return one >= step; });
    return static_cast<std::size_t>(end - steps.begin());
  }
};
using Keys = std::map<std::string, Key, std::less<>>;

// The lowest step at which attempts after `attempt` took the run up.
std::int64_t replaced_from(const std::vector<AttemptInfo>& attempts, std::int32_t attempt) {
  std::int64_t from = no_step;
  for (const AttemptInfo& one : attempts) {
    if (one.number > attempt) from = std::min(from, one.from_step.value_or(0));
  }
  return from;
}

std::int64_t lowest_step_left(const Keys& keys) {
  std::int64_t lowest = no_step;
  for (const auto& [name, key] : keys) {
    for (std::size_t i = key.n_delivered; i < key.steps.size(); ++i) {
      lowest = std::min(lowest, key.steps[i]);
    }
  }
  return lowest;
}

std::int64_t newest_step_delivered(const Keys& keys) {
  std::int64_t newest = no_step;
  for (const auto& [name, key] : keys) {
    if (key.n_delivered == 0) continue;
    const std::int64_t last = key.steps[key.n_delivered - 1];
    newest = newest == no_step ? last : std::max(newest, last);
  }
  return newest;
}

Keys read_keys(const RunReader& run, const tracking::DeliveryState& state) {
  const std::int64_t replaced = replaced_from(run.attempts(), state.attempt);
  Keys keys;
  for (const SeriesInfo& info : run.series()) {
    Key& key = keys[info.key];
    key.steps = run.read(info.key, {.columns = Columns{}}).step;
    const auto counted = state.n_rows.find(info.key);
    if (counted == state.n_rows.end()) continue;
    key.n_delivered = std::min(static_cast<std::size_t>(counted->second), key.steps.size());
    key.n_delivered = std::min(key.n_delivered, key.n_below(replaced));
  }
  return keys;
}

}  // namespace

ResumePoint find_resume_point(const RunReader& run, const tracking::DeliveryState& state) {
  Keys keys = read_keys(run, state);
  const auto attempts = run.attempts();
  for (const tracking::JobDelivery& job : state.jobs) {
    // What is left from before the attempt took the run up nobody delivered since.
    if (lowest_step_left(keys) < job.from_step) continue;
    const std::int64_t below = std::min(job.below, replaced_from(attempts, job.attempt));
    for (auto& [name, key] : keys) key.n_delivered = std::max(key.n_delivered, key.n_below(below));
  }
  ResumePoint point;
  const std::int64_t lowest = lowest_step_left(keys);
  point.has_all = lowest == no_step;
  point.from_step = std::min(lowest, newest_step_delivered(keys));
  for (const auto& [name, key] : keys) {
    point.delivered[name] = static_cast<std::int64_t>(key.n_delivered);
    point.kept[name] =
        static_cast<std::int64_t>(std::min(key.n_delivered, key.n_below(point.from_step)));
  }
  if (point.from_step == no_step) point.from_step = 0;
  return point;
}

}  // namespace ranklog::sync
