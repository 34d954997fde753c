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
constexpr std::size_t max_kept_messages = 32;
constexpr std::size_t max_block_bytes = std::size_t{1} << 20;

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
      junction_(keys, shapes_, assembler_options(comm, options_)),
      lookout_(comm, lookout_options(options_)),
      writer_(keys, shapes_) {
  for (const int child : children_of(comm.rank(), comm.size())) {
    children_.push_back({child, PacketReader(keys, shapes_, child), comm.inbox(child, packet_tag)});
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
  if (drops_rows()) {
    poll();
    return;
  }
  has_logged_ = true;
  if (is_leaf() && !is_root()) {
    settled_.push_back({nullptr, std::move(row)});
    forward();
  } else {
    junction_.add(std::move(row), 0, now_s());
    if (is_root() && is_leaf()) settle(false);
  }
  poll();
  hold_back();
}

Block* Exchange::open_block(ShapeId shape) {
  const auto n_fitting = max_block_bytes / shapes_.at(shape).bytes_per_row();
  const auto n_rows =
      std::clamp<std::size_t>(n_fitting, 1, static_cast<std::size_t>(options_.window_rows));
  auto block = shapes_.take_block(shape, static_cast<std::uint32_t>(n_rows));
  has_logged_ = true;
  open_.push_back(block.get());
  if (is_leaf() && !is_root()) {
    open_at_leaf_.push_back(std::move(block));
  } else {
    (void)junction_.open(std::move(block));
  }
  return open_.back();
}

void Exchange::seal(Block* block) {
  std::erase(open_, block);
  n_open_rows_ -= std::min<std::size_t>(n_open_rows_, block->n_rows);
  if (!is_leaf() || is_root()) {
    junction_.seal(block, now_s());
    return;
  }
  const auto own = std::find_if(open_at_leaf_.begin(), open_at_leaf_.end(),
                                [&](const auto& open) { return open.get() == block; });
  if (block->n_rows > 0) {
    settled_.push_back({std::move(*own), {}});
  } else {
    shapes_.give_back(std::move(*own));
  }
  open_at_leaf_.erase(own);
  forward();
}

void Exchange::seal_all() {
  while (!open_.empty()) seal(open_.front());
  n_open_rows_ = 0;
  ++n_seals_;
}

void Exchange::look_around(double now_s) {
  const bool is_time = now_s - last_sealed_s_ >= options_.flush_interval_s;
  const bool is_window = n_open_rows_ >= static_cast<std::size_t>(options_.window_rows);
  if (is_time || is_window) {
    last_sealed_s_ = now_s;
    seal_all();
  }
  if (is_window) {
    last_polled_s_ = now_s;
    move_all();
    if (lookout_.is_due(now_s)) look();
  } else {
    poll();
  }
  hold_back();
  next_look_s_ = now_s + std::min(poll_interval_s, options_.flush_interval_s);
}

void Exchange::hold_back() {
  if (unsent_bytes_ > options_.max_unsent_bytes) {
    wait_while(
        [this] { return unsent_bytes_ > options_.max_unsent_bytes / 2 && !is_parent_given_up(); });
  }
  if (is_leaf() || !is_far_ahead(0)) return;
  seal_all();  // rows of an open block are never late
  wait_while([this] { return is_far_ahead(0); });
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
  return junction_.bytes_of_source(source) * (children_.size() + 1) > options_.max_waiting_bytes;
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
      const Bytes* bytes = child.inbox.next();
      if (bytes == nullptr) break;
      lookout_.heard(i, now_s());
      take_packet(i, *bytes);
    }
  }
}

void Exchange::take_packet(std::size_t child_index, const Bytes& bytes) {
  Child& child = children_[child_index];
  auto& contents = arrived_;
  child.reader.read(bytes, contents);
  if (contents.head.failure &&
      (!next_head_.failure || contents.head.failure->rank < next_head_.failure->rank)) {
    next_head_.failure = std::move(contents.head.failure);
  }
  const double now = now_s();
  const int source = static_cast<int>(child_index) + 1;
  for (auto& item : contents.items) {
    if (item.block) {
      junction_.add(std::move(item.block), source, now);
    } else {
      junction_.add(std::move(item.row), source, now);
    }
  }
  contents.items.clear();
  child.n_ranks_heard = contents.head.n_ranks_heard;
  child.is_drained = contents.head.is_last;
  child.is_ending = contents.head.is_ending;
}

void Exchange::settle(bool all) {
  next_head_.n_ranks_heard = has_logged_ ? 1 : 0;
  for (const auto& child : children_) next_head_.n_ranks_heard += child.n_ranks_heard;
  junction_.set_n_ranks_heard(next_head_.n_ranks_heard);
  junction_.settle(now_s(), all, settled_);
}

// Packs settled rows for the parent, and sends when there are enough or it is time.
void Exchange::forward() {
  if (is_root()) return;
  for (auto& item : settled_) {
    if (item.block) {
      writer_.add(*item.block);
      shapes_.give_back(std::move(item.block));
    } else {
      writer_.add(item.row);
    }
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
  PostedMessage used;
  if (!taken_.empty()) {
    used = std::move(taken_.back());
    taken_.pop_back();
  }
  Bytes packet = writer_.take(next_head_, used.reclaim());
  next_head_.failure.reset();
  const std::size_t n_bytes = packet.size();
  unsent_.push_back(
      {comm_.post(parent_, packet_tag, std::move(packet), std::move(used)), n_bytes, n_submitted_});
  unsent_bytes_ += n_bytes;
  sent_.n_bytes += static_cast<std::int64_t>(n_bytes);
  ++sent_.n_messages;
  last_sent_s_ = now_s();
}

void Exchange::drop_taken() {
  while (!unsent_.empty() && unsent_.front().message.is_taken()) {
    unsent_bytes_ -= unsent_.front().n_bytes;
    n_handed_over_ = unsent_.front().n_submitted;
    if (taken_.size() < max_kept_messages) taken_.push_back(std::move(unsent_.front().message));
    unsent_.erase(unsent_.begin());
  }
}

void Exchange::take_settled(std::vector<RowOrBlock>& settled) {
  settled.clear();
  if (is_root()) settled.swap(settled_);
}

std::vector<Row> Exchange::take_settled() {
  std::vector<RowOrBlock> settled;
  take_settled(settled);
  std::vector<Row> rows;
  for (auto& item : settled) {
    if (!item.block) {
      rows.push_back(std::move(item.row));
      continue;
    }
    for (std::uint32_t row = 0; row < item.block->n_rows; ++row) {
      rows.push_back(to_row(shapes_, *item.block, row));
    }
    shapes_.give_back(std::move(item.block));
  }
  return rows;
}

}  // namespace ranklog::reduce
