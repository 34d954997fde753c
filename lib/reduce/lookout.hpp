// Keeps the watchdog informed: exchanges pulses with the neighbours in the tree, prints what it
// finds, and carries the last words between neighbours when they part.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "ranklog/communicator.hpp"
#include "ranklog/source_location.hpp"
#include "reduce/pulse.hpp"
#include "reduce/watchdog.hpp"

namespace ranklog::reduce {

struct LookoutOptions {
  WatchdogOptions watchdog;
  double flush_interval_s = 1;
  std::string host;  // of this rank
  std::function<void(const std::string&)> report;
  // Called with what was reported before the job is aborted, on the rank that reports.
  std::function<void(const std::string&)> before_abort;
};

// Neighbours are numbered as in Watchdog: children first, ascending, then the parent.
class Lookout {
 public:
  // `comm` must outlive the lookout. Times are seconds on any clock that the caller keeps to.
  Lookout(const Communicator& comm, LookoutOptions options);
  // Gives up on what nobody took.
  ~Lookout();
  Lookout(const Lookout&) = delete;
  Lookout& operator=(const Lookout&) = delete;

  // What this rank is doing, for the others to know. `where` must live on, as call sites do.
  void note_log(std::int64_t step, bool has_step, const SourceLocation& where) noexcept;
  void note(Sighting::Doing doing) noexcept { own_.doing = doing; }
  // The same, told to the neighbours at once, since this rank will not look for a while.
  void announce(Sighting::Doing doing);

  // A packet of the neighbour came.
  void heard(std::size_t neighbour, double now_s) { watchdog_.heard(neighbour, now_s); }
  // Often enough to find a missing rank in time, seldom enough to cost nothing.
  [[nodiscard]] bool is_due(double now_s) const noexcept {
    return now_s - last_look_s_ >= look_interval_s_;
  }
  // Takes and sends messages, and reports. `waits_for(n)`: whether something waits for neighbour n.
  void look(double now_s, const std::function<bool(std::size_t)>& waits_for);

  // Whether to go on without it: it is missing and the policy is to carry on. Rank 0 is waited for
  // while it waits for its trackers, which have their own time limits.
  [[nodiscard]] bool is_given_up(std::size_t neighbour) const {
    return is_carrying_on() && watchdog_.is_missing(neighbour) &&
           neighbours_[neighbour].last.doing != Sighting::Doing::delivering;
  }
  [[nodiscard]] bool is_missing(std::size_t neighbour) const {
    return watchdog_.is_missing(neighbour);
  }
  [[nodiscard]] const Sighting& last_seen(std::size_t neighbour) const {
    return neighbours_[neighbour].last;
  }
  // The last word to a neighbour, and of it.
  void part(std::size_t neighbour, Pulse::End end);
  [[nodiscard]] Pulse::End last_word_of(std::size_t neighbour) const {
    return neighbours_[neighbour].their_end;
  }
  // Whether everything sent was taken, apart from what went to ranks that are given up.
  [[nodiscard]] bool is_all_taken();
  // What was said here, oldest first.
  [[nodiscard]] const std::vector<Notice>& said() const noexcept { return said_; }
  // Of what was said, the ranks that are missing still.
  [[nodiscard]] std::vector<Notice> still_missing() const;

 private:
  struct Neighbour {
    int rank = 0;
    PulseWriter writer;
    PulseReader reader;
    Sighting last;
    Pulse::End our_end = Pulse::End::none;
    Pulse::End their_end = Pulse::End::none;
    std::vector<PostedMessage> in_flight;
    double last_pulse_s = -std::numeric_limits<double>::infinity();
  };

  [[nodiscard]] bool is_on() const noexcept { return options_.watchdog.time.count() > 0; }
  [[nodiscard]] bool is_carrying_on() const noexcept {
    return options_.watchdog.policy == WatchdogPolicy::carry_on;
  }
  void take_pulses(double now_s);
  void take_notices();
  void send_pulses(double now_s);
  void post_pulse(Neighbour& neighbour, Pulse::End end);
  void tell(int rank, const Notice& notice);
  void act_on(const WatchdogVerdict& verdict);
  [[nodiscard]] Notice notice_of(const Finding& finding) const;
  void say(const Notice& notice);

  const Communicator& comm_;
  LookoutOptions options_;
  Watchdog watchdog_;
  double look_interval_s_;
  double pulse_interval_s_;
  double last_look_s_ = -std::numeric_limits<double>::infinity();
  std::vector<Neighbour> neighbours_;
  Sighting own_;
  SourceLocation where_;
  SourceLocation described_;  // the one that own_.call_site is the text of
  std::vector<PostedMessage> notices_in_flight_;
  std::vector<Notice> said_;
};

}  // namespace ranklog::reduce
