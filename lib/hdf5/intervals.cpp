#include "hdf5/intervals.hpp"

#include <algorithm>
#include <iterator>

namespace ranklog::h5 {

void IntervalSet::add(std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) return;
  auto at = ends_.upper_bound(begin);
  if (at != ends_.begin() && std::prev(at)->second >= begin) {
    --at;
    if (at->second >= end) return;
    begin = at->first;
  }
  while (at != ends_.end() && at->first <= end) {
    end = std::max(end, at->second);
    at = ends_.erase(at);
  }
  ends_.emplace_hint(at, begin, end);
}

void IntervalSet::remove(std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) return;
  auto at = ends_.upper_bound(begin);
  if (at != ends_.begin() && std::prev(at)->second > begin) --at;
  while (at != ends_.end() && at->first < end) {
    const auto [old_begin, old_end] = *at;
    at = ends_.erase(at);
    if (old_begin < begin) ends_.emplace_hint(at, old_begin, begin);
    if (old_end > end) at = ends_.emplace_hint(at, end, old_end);
  }
}

IntervalSet::Run IntervalSet::run_at(std::uint64_t begin, std::uint64_t end) const {
  const auto next = ends_.upper_bound(begin);
  if (next != ends_.begin() && std::prev(next)->second > begin) {
    return {std::min(end, std::prev(next)->second), true};
  }
  return {next == ends_.end() ? end : std::min(end, next->first), false};
}

}  // namespace ranklog::h5
