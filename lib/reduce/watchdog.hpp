// Decides who is missing and who says so, from what a rank hears of its neighbours in the tree and
// when. Knows no clock and sends nothing: see Lookout, and docs/design/0006-watchdog.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

namespace ranklog::reduce {

// A rank that fell silent, or is back.
struct Finding {
  std::int32_t rank = 0;
  bool is_back = false;
  double silent_s = 0;
  friend bool operator==(const Finding& a, const Finding& b) {
    return a.rank == b.rank && a.is_back == b.is_back;
  }
};

struct WatchdogVerdict {
  std::vector<Finding> to_say;            // here
  std::vector<Finding> to_tell_main;      // rank 0, which says them
  std::vector<Finding> to_tell_siblings;  // rank 0's other children: it was said that it is missing
};

class Watchdog {
 public:
  // Of `rank` among `n_ranks`. `time_s`: greater than 0. The neighbours are numbered: children
  // first, ascending, then the parent.
  Watchdog(double time_s, int rank, int n_ranks);

  // A sign of life came.
  void heard(std::size_t neighbour, double now_s);
  // Something here waits for the neighbour's rows, its answer, or for it to take ours. Stays so
  // until it is heard.
  void wait_for(std::size_t neighbour, double now_s);
  // Another rank found this, or said this of rank 0. True: say it here.
  [[nodiscard]] bool hear_of(const Finding& finding);
  // What is new. The time between two looks is no proof of silence: this rank may have been busy,
  // as the others then were; so the longest of them is not counted.
  [[nodiscard]] WatchdogVerdict look(double now_s);

  [[nodiscard]] bool is_missing(std::size_t neighbour) const {
    return states_[neighbour].is_missing;
  }
  // Ranks that were said here to be missing and are not back, ascending.
  [[nodiscard]] const std::set<std::int32_t>& said_missing() const noexcept {
    return said_missing_;
  }

 private:
  struct State {
    std::int32_t rank = 0;
    bool is_waited_for = false;
    double since_s = 0;  // since when it is waited for without a sign of life
    double longest_gap_s = 0;
    // Grows when a rank that was missing comes back, so that a rank which is regularly away for
    // long is not reported each time.
    double patience_s = 0;
    bool is_missing = false;
  };
  // Whether this is for us to say, now.
  [[nodiscard]] bool says(const Finding& finding);
  void pass_on(const Finding& finding, double now_s, WatchdogVerdict& verdict);
  void look_at_main(double now_s, WatchdogVerdict& verdict);

  std::vector<State> states_;
  bool is_main_;
  bool is_child_of_main_;
  double delay_s_ = 0;  // before a child of rank 0 speaks: the lowest speaks at once
  std::vector<Finding> news_;
  double last_look_s_ = -1;
  double found_main_missing_s_ = -1;  // -1: not found, or said by somebody
  double main_silent_s_ = 0;
  bool is_main_said_elsewhere_ = false;  // since it was last heard here
  std::set<std::int32_t> said_missing_;
};

}  // namespace ranklog::reduce
