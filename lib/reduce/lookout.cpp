#include "reduce/lookout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "reduce/tree.hpp"

namespace ranklog::reduce {
namespace {

// Tags 1 and 2 are the exchange's.
constexpr int pulse_tag = 3;
constexpr int notice_tag = 4;

double seconds(std::chrono::milliseconds time) {
  return std::chrono::duration<double>(time).count();
}

void drop_taken(std::vector<PostedMessage>& messages) {
  std::erase_if(messages, [](PostedMessage& message) { return message.is_taken(); });
}

}  // namespace

Lookout::Lookout(const Communicator& comm, LookoutOptions options)
    : comm_(comm),
      options_(std::move(options)),
      watchdog_(std::max(seconds(options_.watchdog.time), 1e-3), comm.rank(), comm.size()),
      look_interval_s_(std::clamp(seconds(options_.watchdog.time) / 40, 0.01, 0.25)),
      pulse_interval_s_(
          std::max(std::min(options_.flush_interval_s, seconds(options_.watchdog.time) / 4),
                   seconds(options_.watchdog.time) / 20)) {
  own_.host = options_.host;
  auto ranks = children_of(comm.rank(), comm.size());
  if (comm.rank() != 0) ranks.push_back(parent_of(comm.rank()));
  for (const int rank : ranks) neighbours_.emplace_back().rank = rank;
  // So that each knows the other's host, should it never come to anything else.
  if (!is_on()) return;
  for (auto& neighbour : neighbours_) post_pulse(neighbour, Pulse::End::none);
}

Lookout::~Lookout() {
  for (auto& neighbour : neighbours_) {
    for (auto& message : neighbour.in_flight) message.abandon();
  }
  for (auto& message : notices_in_flight_) message.abandon();
}

void Lookout::note_log(std::int64_t step, bool has_step, const SourceLocation& where) noexcept {
  own_.doing = Sighting::Doing::log;
  own_.step = step;
  own_.has_step = has_step;
  where_ = where;
}

void Lookout::announce(Sighting::Doing doing) {
  own_.doing = doing;
  if (!is_on()) return;
  for (auto& neighbour : neighbours_) {
    if (neighbour.our_end == Pulse::End::none) post_pulse(neighbour, Pulse::End::none);
  }
}

void Lookout::look(double now_s, const std::function<bool(std::size_t)>& waits_for) {
  last_look_s_ = now_s;
  take_pulses(now_s);
  if (!is_on()) return;
  take_notices();
  for (std::size_t n = 0; n < neighbours_.size(); ++n) {
    const bool has_parted =
        neighbours_[n].our_end != Pulse::End::none || neighbours_[n].their_end != Pulse::End::none;
    if (!has_parted && waits_for(n)) watchdog_.wait_for(n, now_s);
  }
  act_on(watchdog_.look(now_s));
  send_pulses(now_s);
}

void Lookout::take_pulses(double now_s) {
  for (std::size_t n = 0; n < neighbours_.size(); ++n) {
    Neighbour& neighbour = neighbours_[n];
    while (neighbour.their_end == Pulse::End::none) {
      const auto bytes = comm_.try_receive(neighbour.rank, pulse_tag);
      if (!bytes) break;
      const Pulse pulse = neighbour.reader.read(*bytes, neighbour.rank);
      neighbour.last = pulse.sighting;
      neighbour.their_end = pulse.end;
      heard(n, now_s);
    }
  }
}

// Only rank 0 and its children are ever told something.
void Lookout::take_notices() {
  if (comm_.rank() != 0 && parent_of(comm_.rank()) != 0) return;
  while (const auto received = comm_.try_receive_any(notice_tag)) {
    const Notice notice = read_notice(received->payload, received->source);
    if (watchdog_.hear_of(notice.finding)) say(notice);
  }
}

void Lookout::act_on(const WatchdogVerdict& verdict) {
  for (const auto& finding : verdict.to_tell_main) tell(0, notice_of(finding));
  for (const auto& finding : verdict.to_tell_siblings) {
    for (int sibling = 1; sibling < comm_.size(); sibling *= 2) {
      if (sibling != comm_.rank()) tell(sibling, notice_of(finding));
    }
  }
  for (const auto& finding : verdict.to_say) say(notice_of(finding));
}

void Lookout::tell(int rank, const Notice& notice) {
  drop_taken(notices_in_flight_);
  notices_in_flight_.push_back(comm_.post(rank, notice_tag, write_notice(notice)));
}

Notice Lookout::notice_of(const Finding& finding) const {
  const auto found = std::find_if(neighbours_.begin(), neighbours_.end(),
                                  [&](const Neighbour& n) { return n.rank == finding.rank; });
  return {finding, found == neighbours_.end() ? Sighting{} : found->last};
}

void Lookout::say(const Notice& notice) {
  const auto text = describe(notice, options_.watchdog.policy, comm_.size());
  said_.push_back(notice);
  options_.report(text);
  if (notice.finding.is_back || options_.watchdog.policy != WatchdogPolicy::abort) return;
  if (notice.last.doing == Sighting::Doing::delivering) return;
  if (options_.before_abort) options_.before_abort(text);
  comm_.abort();
}

void Lookout::send_pulses(double now_s) {
  for (auto& neighbour : neighbours_) {
    if (neighbour.our_end != Pulse::End::none) continue;
    if (now_s - neighbour.last_pulse_s < pulse_interval_s_) continue;
    drop_taken(neighbour.in_flight);
    // One that takes nothing gets no more.
    if (!neighbour.in_flight.empty()) continue;
    neighbour.last_pulse_s = now_s;
    post_pulse(neighbour, Pulse::End::none);
  }
}

void Lookout::post_pulse(Neighbour& neighbour, Pulse::End end) {
  if (where_.line() != described_.line() || where_.file_name() != described_.file_name()) {
    own_.call_site = fmt::format("{}:{}", where_.file_name(), where_.line());
    described_ = where_;
  }
  neighbour.in_flight.push_back(
      comm_.post(neighbour.rank, pulse_tag, neighbour.writer.write({end, own_})));
}

void Lookout::part(std::size_t neighbour, Pulse::End end) {
  if (neighbours_[neighbour].our_end != Pulse::End::none) return;
  neighbours_[neighbour].our_end = end;
  post_pulse(neighbours_[neighbour], end);
}

bool Lookout::is_all_taken() {
  for (std::size_t n = 0; n < neighbours_.size(); ++n) {
    const bool has_left = neighbours_[n].our_end > Pulse::End::closes ||
                          neighbours_[n].their_end > Pulse::End::closes;
    if (has_left || is_given_up(n)) continue;
    drop_taken(neighbours_[n].in_flight);
    if (!neighbours_[n].in_flight.empty()) return false;
  }
  drop_taken(notices_in_flight_);
  // Notices go to rank 0 and its children; without them, nobody reads them.
  return notices_in_flight_.empty() || is_carrying_on();
}

std::vector<Notice> Lookout::still_missing() const {
  std::vector<Notice> missing;
  for (const auto& notice : said_) {
    if (notice.finding.is_back) {
      std::erase_if(missing, [&](const Notice& earlier) {
        return earlier.finding.rank == notice.finding.rank;
      });
    } else {
      missing.push_back(notice);
    }
  }
  return missing;
}

}  // namespace ranklog::reduce
