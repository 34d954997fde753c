#include "reduce/exchange.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "reduce/tree.hpp"

namespace ranklog::reduce {
namespace {

constexpr int packet_tag = 1;
constexpr double poll_interval_s = 1e-3;
// Large rows leave before the window is full: MPI takes at most 2 GiB in one message.
constexpr std::size_t max_packet_bytes = std::size_t{4} << 20;

AssemblerOptions assembler_options(const Communicator& comm, const ExchangeOptions& options) {
  AssemblerOptions result;
  result.n_ranks = end_of_subtree(comm.rank(), comm.size()) - comm.rank();
  result.n_sources = 1 + static_cast<int>(children_of(comm.rank(), comm.size()).size());
  result.first_sight_s = options.first_sight_s;
  result.late_s = options.late_s;
  return result;
}

LookoutOptions lookout_options(const ExchangeOptions& options) {
  return {options.watchdog, options.flush_interval_s, options.host, options.report,
          options.before_abort};
}

}  // namespace

Exchange::Exchange(const Communicator& comm, KeyTable& keys, ExchangeOptions options)
    : comm_(comm),
      keys_(keys),
      options_(std::move(options)),
      parent_(parent_of(comm.rank())),
      assembler_(keys, assembler_options(comm, options_)),
      lookout_(comm, lookout_options(options_)),
      writer_(keys) {
  for (const int child : children_of(comm.rank(), comm.size())) {
    children_.push_back({child, PacketReader(keys, child)});
  }
}

// After close() nothing is left. Without it the run failed, and nobody may be there to take it.
Exchange::~Exchange() {
  for (auto& unsent : unsent_) unsent.message.abandon();
  for (auto& outcome : outcomes_) outcome.abandon();
}

double Exchange::now_s() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Exchange::submit(Row row) {
  ++n_submitted_;
  if (is_cut_off_ || (unsent_bytes_ > options_.max_unsent_bytes && is_parent_given_up())) {
    poll();
    return;
  }
  has_logged_ = true;
  if (is_leaf()) {
    settled_.push_back(std::move(row));
    if (!is_root()) forward();
  } else {
    assembler_.add(std::move(row), 0, now_s());
  }
  poll();
  if (unsent_bytes_ > options_.max_unsent_bytes) {
    wait_while(
        [this] { return unsent_bytes_ > options_.max_unsent_bytes / 2 && !is_parent_given_up(); });
  }
  if (!is_leaf() && is_far_ahead(0)) wait_while([this] { return is_far_ahead(0); });
}

void Exchange::poll() {
  const double now = now_s();
  if (now - last_polled_s_ < poll_interval_s) return;
  last_polled_s_ = now;
  move_all();
  if (lookout_.is_due(now)) look();
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
    while (!child.is_drained && !child.is_gone) {
      // What is not taken stays with the child, which waits in the end. Only while another child
      // can still catch up: this rank alone is ahead or behind by its own doing.
      const bool others_come = std::any_of(children_.begin(), children_.end(), [&](const Child& c) {
        return &c != &child && !c.is_drained;
      });
      if (is_far_ahead(static_cast<int>(i) + 1) && (others_come || !is_draining_)) break;
      const auto bytes = comm_.try_receive(child.rank, packet_tag);
      if (!bytes) break;
      lookout_.heard(i, now_s());
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
  unsent_.push_back({comm_.post(parent_, packet_tag, std::move(packet)), n_bytes, n_submitted_});
  unsent_bytes_ += n_bytes;
  sent_.n_bytes += static_cast<std::int64_t>(n_bytes);
  ++sent_.n_messages;
  last_sent_s_ = now_s();
}

void Exchange::drop_taken() {
  while (!unsent_.empty() && unsent_.front().message.is_taken()) {
    unsent_bytes_ -= unsent_.front().n_bytes;
    n_handed_over_ = unsent_.front().n_submitted;
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

}  // namespace ranklog::reduce
