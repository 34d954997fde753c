#include "reduce/watchdog.hpp"

#include <algorithm>
#include <utility>

#include "reduce/tree.hpp"

namespace ranklog::reduce {
namespace {

// How long rank 0's children leave it to a lower one to say that rank 0 is missing. They find out
// at about the same time: a pulse and a look apart.
constexpr double leave_to_lower_s = 1.0;
constexpr double leave_to_each_s = 0.03;

}  // namespace

Watchdog::Watchdog(double time_s, int rank, int n_ranks)
    : is_main_(rank == 0), is_child_of_main_(parent_of(rank) == 0) {
  auto neighbours = children_of(rank, n_ranks);
  if (!is_main_) neighbours.push_back(parent_of(rank));
  for (const int neighbour : neighbours) {
    State state;
    state.rank = neighbour;
    state.patience_s = time_s;
    states_.push_back(state);
  }
  // Rank 0's children are 1, 2, 4, ...
  int n_lower = 0;
  for (int sibling = 1; sibling < rank; sibling *= 2) ++n_lower;
  if (n_lower > 0) delay_s_ = leave_to_lower_s + n_lower * leave_to_each_s;
}

void Watchdog::heard(std::size_t neighbour, double now_s) {
  State& state = states_[neighbour];
  state.is_waited_for = false;
  if (state.rank == 0) is_main_said_elsewhere_ = false;
  if (!state.is_missing) return;
  state.is_missing = false;
  const double silent_s = now_s - state.since_s;
  state.patience_s = std::max(state.patience_s, 2 * silent_s);
  news_.push_back({state.rank, true, silent_s});
}

void Watchdog::wait_for(std::size_t neighbour, double now_s) {
  State& state = states_[neighbour];
  if (state.is_waited_for || state.is_missing) return;
  state.is_waited_for = true;
  state.since_s = now_s;
  state.longest_gap_s = 0;
}

bool Watchdog::hear_of(const Finding& finding) {
  if (is_main_) return finding.rank != 0 && says(finding);
  // A sibling said it of rank 0.
  if (finding.rank == 0) {
    found_main_missing_s_ = -1;
    is_main_said_elsewhere_ = true;
  }
  return false;
}

bool Watchdog::says(const Finding& finding) {
  if (finding.is_back) return said_missing_.erase(finding.rank) > 0;
  return said_missing_.insert(finding.rank).second;
}

WatchdogVerdict Watchdog::look(double now_s) {
  WatchdogVerdict verdict;
  for (State& state : states_) {
    if (!state.is_waited_for || state.is_missing) continue;
    const double gap_s = now_s - std::max(last_look_s_, state.since_s);
    state.longest_gap_s = std::max(state.longest_gap_s, gap_s);
    const double silent_s = now_s - state.since_s;
    if (silent_s - state.longest_gap_s < state.patience_s) continue;
    state.is_missing = true;
    news_.push_back({state.rank, false, silent_s});
  }
  last_look_s_ = now_s;
  for (const Finding& finding : std::exchange(news_, {})) pass_on(finding, now_s, verdict);
  look_at_main(now_s, verdict);
  return verdict;
}

void Watchdog::pass_on(const Finding& finding, double now_s, WatchdogVerdict& verdict) {
  if (is_main_) {
    if (says(finding)) verdict.to_say.push_back(finding);
  } else if (finding.rank != 0) {
    verdict.to_tell_main.push_back(finding);
  } else if (finding.is_back) {
    found_main_missing_s_ = -1;
    if (says(finding)) verdict.to_say.push_back(finding);
  } else if (!is_main_said_elsewhere_) {
    found_main_missing_s_ = now_s;
    main_silent_s_ = finding.silent_s;
  }
}

// Rank 0 cannot say of itself that it is missing: the lowest of its children that waits does.
void Watchdog::look_at_main(double now_s, WatchdogVerdict& verdict) {
  if (!is_child_of_main_ || found_main_missing_s_ < 0) return;
  if (now_s - found_main_missing_s_ < delay_s_) return;
  const Finding finding{0, false, main_silent_s_ + now_s - found_main_missing_s_};
  found_main_missing_s_ = -1;
  if (says(finding)) verdict.to_say.push_back(finding);
  verdict.to_tell_siblings.push_back(finding);
}

}  // namespace ranklog::reduce
