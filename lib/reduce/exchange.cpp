#include "reduce/exchange.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace ranklog::reduce {
namespace {

constexpr int packet_tag = 1;
constexpr double poll_interval_s = 1e-3;
// Large rows leave before the window is full: MPI takes at most 2 GiB in one message.
constexpr std::size_t max_packet_bytes = std::size_t{4} << 20;

// Binomial tree: the children of r are r + 1, r + 2, r + 4, ... below r's lowest set bit, so that
// the ranks below each child are consecutive and merging in child order is merging in rank order.
int lowest_bit(int rank, int n_ranks) {
  if (rank == 0) {
    int bit = 1;
    while (bit < n_ranks) bit *= 2;
    return bit;
  }
  return rank & -rank;
}

int parent_of(int rank) { return rank == 0 ? -1 : rank - (rank & -rank); }

std::vector<int> children_of(int rank, int n_ranks) {
  std::vector<int> children;
  for (int bit = 1; bit < lowest_bit(rank, n_ranks) && rank + bit < n_ranks; bit *= 2) {
    children.push_back(rank + bit);
  }
  return children;
}

AssemblerOptions assembler_options(const Communicator& comm, const ExchangeOptions& options) {
  AssemblerOptions result;
  const int end = comm.rank() + lowest_bit(comm.rank(), comm.size());
  result.n_ranks = std::min(end, comm.size()) - comm.rank();
  result.n_sources = 1 + static_cast<int>(children_of(comm.rank(), comm.size()).size());
  result.first_sight_s = options.first_sight_s;
  result.late_s = options.late_s;
  return result;
}

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

}  // namespace

Exchange::Exchange(const Communicator& comm, KeyTable& keys, ExchangeOptions options)
    : comm_(comm),
      keys_(keys),
      options_(std::move(options)),
      parent_(parent_of(comm.rank())),
      assembler_(keys, assembler_options(comm, options_)),
      writer_(keys) {
  for (const int child : children_of(comm.rank(), comm.size())) {
    children_.push_back({child, PacketReader(keys, child)});
  }
}

double Exchange::now_s() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Exchange::submit(Row row) {
  has_logged_ = true;
  if (is_leaf()) {
    settled_.push_back(std::move(row));
    if (!is_root()) forward();
  } else {
    assembler_.add(std::move(row), 0, now_s());
  }
  poll();
  if (unsent_bytes_ > options_.max_unsent_bytes) {
    wait_while([this] { return unsent_bytes_ > options_.max_unsent_bytes / 2; },
               [this] {
                 return fmt::format(
                     "rank {} waits for rank {} to take its metrics; does rank {} still "
                     "call log()?",
                     comm_.rank(), parent_, parent_);
               });
  }
  if (!is_leaf() && is_far_ahead(0)) {
    wait_while([this] { return is_far_ahead(0); },
               [this] {
                 return fmt::format(
                     "rank {} is far ahead of the ranks that log the same keys, and "
                     "waits for them",
                     comm_.rank());
               });
  }
}

void Exchange::poll() {
  const double now = now_s();
  if (now - last_polled_s_ < poll_interval_s) return;
  last_polled_s_ = now;
  move_all();
}

void Exchange::move_all() {
  receive();
  settle(false);
  forward();
  drop_taken();
}

bool Exchange::is_far_ahead(int source) const {
  return assembler_.bytes_of_source(source) * (children_.size() + 1) > options_.max_waiting_bytes;
}

void Exchange::receive() {
  for (std::size_t i = 0; i < children_.size(); ++i) {
    Child& child = children_[i];
    while (!child.is_drained) {
      // What is not taken stays with the child, which waits in the end. Only while another child
      // can still catch up: this rank alone is ahead or behind by its own doing.
      const bool others_come = std::any_of(children_.begin(), children_.end(), [&](const Child& c) {
        return &c != &child && !c.is_drained;
      });
      if (is_far_ahead(static_cast<int>(i) + 1) && (others_come || !is_draining_)) break;
      const auto bytes = comm_.try_receive(child.rank, packet_tag);
      if (!bytes) break;
      take_packet(i, *bytes);
    }
  }
}

void Exchange::take_packet(std::size_t child_index, const Bytes& bytes) {
  Child& child = children_[child_index];
  auto contents = child.reader.read(bytes);
  for (auto& conflict : contents.head.conflicts) add_conflict(std::move(conflict));
  if (contents.head.failure &&
      (!next_head_.failure || contents.head.failure->rank < next_head_.failure->rank)) {
    next_head_.failure = std::move(contents.head.failure);
  }
  for (auto& row : contents.rows) {
    assembler_.add(std::move(row), static_cast<int>(child_index) + 1, now_s());
  }
  child.n_ranks_heard = contents.head.n_ranks_heard;
  child.is_drained = contents.head.is_last;
  child.is_ending = contents.head.is_ending;
}

void Exchange::settle(bool all) {
  next_head_.n_ranks_heard = has_logged_ ? 1 : 0;
  for (const auto& child : children_) next_head_.n_ranks_heard += child.n_ranks_heard;
  assembler_.set_n_ranks_heard(next_head_.n_ranks_heard);
  assembler_.settle(now_s(), all, settled_);
}

// Packs settled rows for the parent, and sends when there are enough or it is time.
void Exchange::forward() {
  if (is_root()) return;
  for (const auto& row : settled_) {
    writer_.add(row);
    const bool is_full = writer_.n_rows() >= static_cast<std::size_t>(options_.window_rows) ||
                         writer_.n_bytes() >= max_packet_bytes;
    if (is_full) send(false);
  }
  settled_.clear();
  if (writer_.n_rows() > 0 && now_s() - last_sent_s_ >= options_.flush_interval_s) send(false);
}

void Exchange::send(bool is_last) {
  if (is_leaf()) next_head_.n_ranks_heard = has_logged_ ? 1 : 0;
  next_head_.is_last = is_last;
  Bytes packet = writer_.take(next_head_);
  next_head_.conflicts.clear();
  next_head_.failure.reset();
  const std::size_t n_bytes = packet.size();
  unsent_.push_back({comm_.post(parent_, packet_tag, std::move(packet)), n_bytes});
  unsent_bytes_ += n_bytes;
  last_sent_s_ = now_s();
}

void Exchange::drop_taken() {
  while (!unsent_.empty() && unsent_.front().message.is_taken()) {
    unsent_bytes_ -= unsent_.front().n_bytes;
    unsent_.pop_front();
  }
}

std::vector<Row> Exchange::take_settled() {
  if (!is_root()) return {};
  return std::exchange(settled_, {});
}

void Exchange::add_conflict(Conflict conflict) {
  reduce::add_conflict(next_head_.conflicts, std::move(conflict));
}

void Exchange::wait_while(const std::function<bool()>& is_blocked,
                          const std::function<std::string()>& why) {
  const double started = now_s();
  bool is_reported = false;
  Backoff backoff;
  while (true) {
    move_all();
    if (!is_blocked()) return;
    if (!is_reported && now_s() - started > options_.report_wait_after_s) {
      is_reported = true;
      options_.report(why());
    }
    backoff.pause();
  }
}

std::vector<int> Exchange::missing_children() const {
  std::vector<int> missing;
  for (const auto& child : children_) {
    if (!child.is_drained) missing.push_back(child.rank);
  }
  return missing;
}

DrainOutcome Exchange::drain(DrainReason reason, const std::optional<RankFailure>& failure) {
  is_draining_ = true;
  wait_while([this] { return !missing_children().empty(); },
             [this] {
               return fmt::format(
                   "rank {} waits in flush() or end_training() for rank {}; all ranks "
                   "must make that call",
                   comm_.rank(), fmt::join(missing_children(), ", "));
             });
  is_draining_ = false;
  settle(true);
  if (failure && (!next_head_.failure || failure->rank < next_head_.failure->rank)) {
    next_head_.failure = failure;
  }
  forward();
  next_head_.is_ending =
      reason == DrainReason::end && std::all_of(children_.begin(), children_.end(),
                                                [](const Child& child) { return child.is_ending; });
  if (!is_root()) send(true);
  auto outcome = share_outcome();
  unsent_.clear();  // waits until the parent has taken them: it has, or it could not answer
  unsent_bytes_ = 0;
  for (auto& child : children_) child.is_drained = false;
  ++next_head_.epoch;
  return outcome;
}

DrainOutcome Exchange::share_outcome() {
  DrainOutcome outcome;
  WireWriter out;
  if (is_root()) {
    auto& conflicts = next_head_.conflicts;
    std::sort(conflicts.begin(), conflicts.end());
    conflicts.erase(std::unique(conflicts.begin(), conflicts.end()), conflicts.end());
    out.put(static_cast<std::uint32_t>(conflicts.size()));
    for (const auto& conflict : conflicts) {
      out.put(conflict.rank);
      out.put_text(conflict.text);
    }
    out.put(static_cast<std::uint8_t>(next_head_.failure.has_value()));
    const RankFailure failure = next_head_.failure.value_or(RankFailure{});
    out.put(failure.rank);
    out.put_text(failure.reason);
    out.put(assembler_.n_late());
    out.put(static_cast<std::uint8_t>(next_head_.is_ending));
    next_head_.conflicts.clear();
    next_head_.failure.reset();
  }
  const Bytes bytes = comm_.broadcast(out.take(), 0);
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

}  // namespace ranklog::reduce
