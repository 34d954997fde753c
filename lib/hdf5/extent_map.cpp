#include "hdf5/extent_map.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ranklog::h5 {
namespace {

// An extent that grew to this starts no more copies of itself: what follows is a new one.
constexpr std::size_t max_joined_bytes = 1u << 20;

std::uint64_t end_of(std::uint64_t begin, const Extent& extent) {
  return begin + extent.bytes.size();
}

std::ptrdiff_t distance(std::uint64_t from, std::uint64_t to) {
  return static_cast<std::ptrdiff_t>(to - from);
}

}  // namespace

ExtentMap::Map::const_iterator ExtentMap::first_behind(std::uint64_t offset) const {
  auto at = extents_.upper_bound(offset);
  if (at != extents_.begin()) {
    const auto before = std::prev(at);
    if (end_of(before->first, before->second) > offset) return before;
  }
  return at;
}

void ExtentMap::remove(std::uint64_t begin, std::uint64_t end) {
  auto at = extents_.lower_bound(begin);
  if (at != extents_.begin()) {
    const auto before = std::prev(at);
    const std::uint64_t before_end = end_of(before->first, before->second);
    std::vector<std::byte>& bytes = before->second.bytes;
    if (before_end > end) {
      std::vector<std::byte> right(bytes.begin() + distance(before->first, end), bytes.end());
      n_bytes_ += right.size();
      extents_.emplace_hint(at, end, Extent{std::move(right), before->second.turn});
    }
    if (before_end > begin) {
      n_bytes_ -= before_end - begin;
      bytes.resize(begin - before->first);
    }
  }
  at = extents_.lower_bound(begin);
  while (at != extents_.end() && at->first < end) {
    Extent extent = std::move(at->second);
    const std::uint64_t old_begin = at->first;
    const std::uint64_t old_end = end_of(old_begin, extent);
    at = extents_.erase(at);
    n_bytes_ -= extent.bytes.size();
    if (old_end <= end) continue;
    extent.bytes.erase(extent.bytes.begin(), extent.bytes.begin() + distance(old_begin, end));
    n_bytes_ += extent.bytes.size();
    at = extents_.emplace_hint(at, end, std::move(extent));
  }
}

void ExtentMap::write(std::uint64_t offset, std::span<const std::byte> bytes, std::uint8_t turn) {
  if (bytes.empty()) return;
  const std::uint64_t end = offset + bytes.size();
  const auto next = extents_.upper_bound(offset);
  if (next != extents_.begin()) {
    const auto before = std::prev(next);
    Extent& extent = before->second;
    const std::uint64_t before_end = end_of(before->first, extent);
    if (extent.turn == turn && before_end >= end) {
      std::copy(bytes.begin(), bytes.end(), extent.bytes.begin() + distance(before->first, offset));
      return;
    }
    const bool has_room = next == extents_.end() || next->first >= end;
    if (extent.turn == turn && before_end == offset && has_room &&
        extent.bytes.size() + bytes.size() <= max_joined_bytes) {
      extent.bytes.insert(extent.bytes.end(), bytes.begin(), bytes.end());
      n_bytes_ += bytes.size();
      return;
    }
  }
  remove(offset, end);
  extents_[offset] = Extent{{bytes.begin(), bytes.end()}, turn};
  n_bytes_ += bytes.size();
}

void ExtentMap::overlay(std::uint64_t offset, std::span<std::byte> into) const {
  const std::uint64_t end = offset + into.size();
  for (auto at = first_behind(offset); at != extents_.end() && at->first < end; ++at) {
    const std::uint64_t from = std::max(offset, at->first);
    const std::uint64_t to = std::min(end, end_of(at->first, at->second));
    const auto source = at->second.bytes.begin() + distance(at->first, from);
    std::copy(source, source + distance(from, to), into.begin() + distance(offset, from));
  }
}

bool ExtentMap::read_whole(std::uint64_t offset, std::span<std::byte> into) const {
  const auto at = first_behind(offset);
  if (at == extents_.end() || at->first > offset ||
      end_of(at->first, at->second) < offset + into.size()) {
    return false;
  }
  overlay(offset, into);
  return true;
}

void ExtentMap::clear() noexcept {
  extents_.clear();
  n_bytes_ = 0;
}

}  // namespace ranklog::h5
