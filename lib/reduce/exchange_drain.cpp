// Exchange: what waits. Drains, parting, and going on without ranks that are missing.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>

#include "reduce/exchange.hpp"

namespace ranklog::reduce {
namespace {

constexpr int outcome_tag = 2;
// A rank that is there but makes another call is given a little longer than one that is missing.
constexpr double other_call_after_s = 2;

// Gives the core to ranks that share it; a fixed sleep would cost a fast drain its speed.
class Backoff {
 public:
  void pause() {
    if (++n_pauses_ < 100) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }

 private:
  int n_pauses_ = 0;
};

Bytes write_outcome(const DrainOutcome& outcome) {
  WireWriter out;
  out.put(static_cast<std::uint32_t>(outcome.conflicts.size()));
  for (const auto& conflict : outcome.conflicts) {
    out.put(conflict.rank);
    out.put_text(conflict.text);
  }
  const RankFailure failure = outcome.failure.value_or(RankFailure{});
  out.put(static_cast<std::uint8_t>(outcome.failure.has_value()));
  out.put(failure.rank);
  out.put_text(failure.reason);
  out.put(outcome.n_late_parts);
  out.put(static_cast<std::uint8_t>(outcome.are_all_ending));
  return out.take();
}

DrainOutcome read_outcome(const Bytes& bytes) {
  DrainOutcome outcome;
  WireReader in(bytes, "the outcome of a flush");
  const auto n_conflicts = in.get_count(8);
  for (std::size_t i = 0; i < n_conflicts; ++i) {
    const auto rank = in.get<std::int32_t>();
    outcome.conflicts.push_back({rank, in.get_text()});
  }
  const bool has_failure = in.get<std::uint8_t>() != 0;
  const auto rank = in.get<std::int32_t>();
  auto reason = in.get_text();
  if (has_failure) outcome.failure = RankFailure{rank, std::move(reason)};
  outcome.n_late_parts = in.get<std::int64_t>();
  outcome.are_all_ending = in.get<std::uint8_t>() != 0;
  return outcome;
}

}  // namespace

void Exchange::wait_while(const std::function<bool()>& is_blocked) {
  const double time_s = std::chrono::duration<double>(options_.watchdog.time).count();
  const double started = now_s();
  bool is_reported = time_s <= 0;
  Backoff backoff;
  while (true) {
    move_all();
    look();
    if (!is_blocked()) return;
    if (!is_reported && now_s() - started > time_s + other_call_after_s) {
      is_reported = true;
      report_other_calls();
    }
    backoff.pause();
  }
}

// Neighbours that log while this rank waits in flush(). To wait in end_training() for a rank that
// has more to do is nothing to speak of.
void Exchange::report_other_calls() {
  if (!is_flushing_) return;
  for (std::size_t n = 0; n < n_neighbours(); ++n) {
    const Sighting& seen = lookout_.last_seen(n);
    if (!waits_for(n) || lookout_.is_missing(n) || seen.doing != Sighting::Doing::log) continue;
    options_.report(fmt::format(
        "rank {} waits in flush() for rank {}, which was last seen {}; all ranks must call flush() "
        "equally often",
        comm_.rank(), n == parent_index() ? parent_ : children_[n].rank, describe(seen)));
  }
}

void Exchange::look() {
  lookout_.look(now_s(), [this](std::size_t neighbour) { return waits_for(neighbour); });
  go_on_without_missing();
}

bool Exchange::waits_for(std::size_t neighbour) const {
  if (is_closing_) return lookout_.last_word_of(neighbour) == Pulse::End::none;
  if (neighbour == parent_index()) return awaits_outcome_ || !unsent_.empty();
  const Child& child = children_[neighbour];
  if (child.is_drained || child.is_gone) return false;
  return is_draining_ ||
         junction_.is_awaited(static_cast<int>(neighbour) + 1,
                              [&child](LocalKey key) { return child.reader.gives(key); });
}

void Exchange::go_on_without_missing() {
  for (std::size_t i = 0; i < children_.size(); ++i) {
    Child& child = children_[i];
    if (lookout_.last_word_of(i) == Pulse::End::lets_go) child.is_gone = true;
    if (is_draining_ && !child.is_drained && lookout_.is_given_up(i)) {
      child.is_gone = true;
      lookout_.part(i, Pulse::End::lets_go);
    }
    const bool is_absent = child.is_gone || lookout_.is_given_up(i);
    if (is_absent == child.is_absent) continue;
    child.is_absent = is_absent;
    child.reader.count(!is_absent);
  }
  if (is_root() || is_cut_off_) return;
  const bool is_let_go = lookout_.last_word_of(parent_index()) > Pulse::End::closes;
  if (is_let_go || (awaits_outcome_ && lookout_.is_given_up(parent_index()))) cut_off();
}

// What is below this rank has no way to rank 0 either.
void Exchange::cut_off() {
  is_cut_off_ = true;
  lookout_.part(parent_index(), Pulse::End::lets_go);
  for (std::size_t i = 0; i < children_.size(); ++i) {
    children_[i].is_gone = true;
    lookout_.part(i, Pulse::End::is_cut_off);
  }
  for (auto& unsent : unsent_) unsent.message.abandon();
  unsent_.clear();
  unsent_bytes_ = 0;
}

bool Exchange::is_any_child_undrained() const {
  return std::any_of(children_.begin(), children_.end(),
                     [](const Child& child) { return !child.is_drained && !child.is_gone; });
}

DrainOutcome Exchange::drain(DrainReason reason, const std::optional<RankFailure>& failure,
                             const std::function<void(const DrainOutcome&)>& on_rank_0) {
  lookout_.note(reason == DrainReason::flush ? Sighting::Doing::flush
                                             : Sighting::Doing::end_training);
  is_flushing_ = reason == DrainReason::flush;
  seal_all();
  is_draining_ = true;
  wait_while([this] { return is_any_child_undrained(); });
  is_draining_ = false;
  if (is_cut_off_) return {.are_all_ending = true, .is_cut_off = true};
  settle(true);
  if (failure && (!next_head_.failure || failure->rank < next_head_.failure->rank)) {
    next_head_.failure = failure;
  }
  forward();
  next_head_.is_ending = reason == DrainReason::end &&
                         std::all_of(children_.begin(), children_.end(), [](const Child& child) {
                           return child.is_ending || child.is_gone;
                         });
  if (!is_root()) send(true);
  auto outcome = share_outcome(on_rank_0);
  while (!unsent_.empty()) {  // the parent has taken them, or it could not answer
    drop_taken();
    if (!unsent_.empty()) std::this_thread::yield();
  }
  for (auto& child : children_) child.is_drained = false;
  ++next_head_.epoch;
  return outcome;
}

DrainOutcome Exchange::share_outcome(const std::function<void(const DrainOutcome&)>& on_rank_0) {
  std::optional<Bytes> bytes;
  std::exception_ptr error;
  if (is_root()) {
    const auto outcome = make_outcome();
    try {
      lookout_.announce(Sighting::Doing::delivering);
      on_rank_0(outcome);
    } catch (...) {
      error = std::current_exception();  // the others must not wait for it
    }
    bytes = write_outcome(outcome);
  } else {
    awaits_outcome_ = true;
    wait_while([&] {
      if (!bytes && !is_cut_off_) bytes = comm_.try_receive(parent_, outcome_tag);
      return !bytes && !is_cut_off_;
    });
    awaits_outcome_ = false;
    if (!bytes) return {.are_all_ending = true, .is_cut_off = true};
    lookout_.heard(parent_index(), now_s());
  }
  std::erase_if(outcomes_, [](PostedMessage& message) { return message.is_taken(); });
  for (const Child& child : children_) {
    if (!child.is_gone) outcomes_.push_back(comm_.post(child.rank, outcome_tag, *bytes));
  }
  if (error) std::rethrow_exception(error);
  return read_outcome(*bytes);
}

// Rank 0: what the drain came to.
DrainOutcome Exchange::make_outcome() {
  DrainOutcome outcome;
  outcome.conflicts = keys_.take_conflicts();
  outcome.failure = std::exchange(next_head_.failure, std::nullopt);
  outcome.n_late_parts = junction_.n_late();
  outcome.are_all_ending = next_head_.is_ending;
  if (outcome.are_all_ending && !outcome.failure) outcome.failure = find_absence();
  return outcome;
}

std::optional<RankFailure> Exchange::find_absence() const {
  const auto missing = lookout_.still_missing();
  if (!missing.empty()) {
    return RankFailure{
        missing.front().finding.rank,
        "it stopped calling ranklog; it was last seen " + describe(missing.front().last)};
  }
  const auto gone = std::find_if(children_.begin(), children_.end(),
                                 [](const Child& child) { return child.is_gone; });
  if (gone == children_.end()) return std::nullopt;
  return RankFailure{gone->rank, "it waited too long for rank 0 and went on without it"};
}

bool Exchange::is_cut_off_alone() const {
  return is_cut_off_ && lookout_.last_word_of(parent_index()) != Pulse::End::is_cut_off;
}

void Exchange::close() {
  is_closing_ = true;
  const auto is_anyone_open = [this](std::size_t begin, std::size_t end) {
    for (std::size_t n = begin; n < end; ++n) {
      const bool has_parted = lookout_.last_word_of(n) != Pulse::End::none;
      const bool is_gone = n < children_.size() ? children_[n].is_gone : is_cut_off_;
      if (!has_parted && !is_gone && !lookout_.is_given_up(n)) return true;
    }
    return false;
  };
  wait_while([&] { return is_anyone_open(0, children_.size()) || !lookout_.is_all_taken(); });
  if (!is_root()) {
    lookout_.part(parent_index(), Pulse::End::closes);
    wait_while([&] { return is_anyone_open(parent_index(), n_neighbours()); });
  }
  for (std::size_t i = 0; i < children_.size(); ++i) lookout_.part(i, Pulse::End::closes);
  wait_while([this] { return !lookout_.is_all_taken(); });
}

}  // namespace ranklog::reduce
