// A set of bytes of a file, kept as disjoint intervals [begin, end).
#pragma once

#include <cstdint>
#include <map>

namespace ranklog::h5 {

class IntervalSet {
 public:
  void add(std::uint64_t begin, std::uint64_t end);
  void remove(std::uint64_t begin, std::uint64_t end);
  void clear() noexcept { ends_.clear(); }
  [[nodiscard]] bool empty() const noexcept { return ends_.empty(); }
  // Begin and end of each interval, in order.
  [[nodiscard]] const std::map<std::uint64_t, std::uint64_t>& intervals() const noexcept {
    return ends_;
  }

  // The longest run from `begin`, at most to `end`, that is wholly inside or wholly outside.
  struct Run {
    std::uint64_t end;
    bool is_inside;
  };
  [[nodiscard]] Run run_at(std::uint64_t begin, std::uint64_t end) const;

 private:
  std::map<std::uint64_t, std::uint64_t> ends_;  // by begin
};

}  // namespace ranklog::h5
