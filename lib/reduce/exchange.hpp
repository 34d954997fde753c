// Carries rows up a binomial tree of ranks to rank 0, without waiting: each rank posts packets to
// its parent and merges what its children posted. See docs/design/0002-streaming-tree.md.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "ranklog/communicator.hpp"
#include "reduce/junction.hpp"
#include "reduce/lookout.hpp"
#include "reduce/packet.hpp"

namespace ranklog::reduce {

struct ExchangeOptions {
  int window_rows = 64;         // rows that make a packet
  double flush_interval_s = 1;  // a packet goes at the latest this long after the one before
  double first_sight_s = 5;     // see AssemblerOptions
  double late_s = 30;
  // Of rows: not yet taken by the parent, and waiting here for other ranks. A rank that is further
  // ahead waits; see submit().
  std::size_t max_unsent_bytes = std::size_t{64} << 20U;
  std::size_t max_waiting_bytes = std::size_t{64} << 20U;
  WatchdogOptions watchdog = {};
  std::string host = {};                           // of this rank
  std::function<void(const std::string&)> report;  // told whom we wait for
  // Called before the watchdog aborts the job, on the rank that does, with the reason.
  std::function<void(const std::string&)> before_abort = {};
};

// What all ranks know after a drain; the same on all.
struct DrainOutcome {
  std::vector<Conflict> conflicts = {};  // see KeyTable::take_conflicts
  std::optional<RankFailure> failure = {};
  std::int64_t n_late_parts = 0;
  bool are_all_ending = false;  // every rank came to this drain from end_training()
  // This rank and the others have gone on without each other; what it logs is dropped.
  bool is_cut_off = false;
};

// Of packets to other ranks.
struct Traffic {
  std::int64_t n_messages = 0;
  std::int64_t n_bytes = 0;
};

// What makes a rank drain: it goes on afterwards, or it ends.
enum class DrainReason : std::uint8_t { flush, end };

class Exchange {
 public:
  // `comm` must outlive the exchange and be used for nothing else while it lives.
  Exchange(const Communicator& comm, KeyTable& keys, ExchangeOptions options);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Hands in a row of this rank and moves what can be moved. Waits while more than
  // max_unsent_bytes are untaken by the parent, or this rank's rows that wait here for other ranks
  // fill their share of max_waiting_bytes; the latter for AssemblerOptions::late_s at most, since
  // rows go then.
  void submit(Row row);
  // An empty block of this rank's rows, which the caller fills until it is full or was sealed. Rows
  // count from the moment that they are added, in order with submit() among rows that share keys;
  // so blocks that share keys with another row must be sealed first.
  [[nodiscard]] Block* open_block(ShapeId shape);
  void seal(Block* block);
  // Grows whenever the exchange has sealed all blocks itself: they make a window together, it is
  // time to send, this rank is held back, or it drains.
  [[nodiscard]] std::uint64_t n_seals() const noexcept { return n_seals_; }
  // To be called with the time when a row was added to a block. Does what submit() does to move
  // things and to hold back a rank that is ahead.
  void row_added(double now_s) {
    ++n_submitted_;
    if (++n_open_rows_ >= static_cast<std::size_t>(options_.window_rows) || now_s >= next_look_s_)
      look_around(now_s);
  }
  // Whether rows have no way to rank 0 any more; submit() then drops them.
  [[nodiscard]] bool drops_rows() const {
    return is_cut_off_ || (unsent_bytes_ > options_.max_unsent_bytes && is_parent_given_up());
  }
  // Seconds on the clock that row_added() takes.
  [[nodiscard]] double now_s() const;

  // Moves what can be moved, at most once a millisecond.
  void poll();
  [[nodiscard]] bool has_settled() const noexcept { return !settled_.empty(); }
  // Rank 0: what is complete, in order; its blocks go back to shapes(). Other ranks: nothing.
  void take_settled(std::vector<RowOrBlock>& settled);
  // The same as single rows.
  [[nodiscard]] std::vector<Row> take_settled();
  [[nodiscard]] ShapeTable& shapes() noexcept { return shapes_; }
  // Collective, waiting: returns when all rows submitted by all ranks are settled on rank 0.
  // A rank that ends must drain again until all ranks are ending, because the others may flush
  // first. `on_rank_0` is called there before the other ranks are let go.
  [[nodiscard]] DrainOutcome drain(
      DrainReason reason, const std::optional<RankFailure>& failure = std::nullopt,
      const std::function<void(const DrainOutcome&)>& on_rank_0 = [](const DrainOutcome&) {});
  // Collective, waiting, after the last drain: returns when all ranks have come here. Nothing may
  // be called after it.
  void close();
  // What this rank is about to log, for the watchdog. `where` must live on, as call sites do.
  void note_log(std::int64_t step, bool has_step, const SourceLocation& where) noexcept {
    lookout_.note_log(step, has_step, where);
  }
  // What the watchdog said on this rank, oldest first.
  [[nodiscard]] const std::vector<Notice>& said() const noexcept { return lookout_.said(); }
  // Whether this rank is cut off, and not with its parent in the tree.
  [[nodiscard]] bool is_cut_off_alone() const;
  // Rows of this rank that its parent has not taken.
  [[nodiscard]] std::int64_t n_not_taken() const noexcept { return n_submitted_ - n_handed_over_; }
  // What this rank has sent so far.
  [[nodiscard]] const Traffic& sent() const noexcept { return sent_; }

 private:
  struct Child {
    int rank;
    PacketReader reader;
    Inbox inbox;
    bool is_drained = false;
    bool is_ending = false;
    std::int32_t n_ranks_heard = 0;
    bool is_absent = false;  // rows do not wait for it
    bool is_gone = false;    // for good
  };

  void look_around(double now_s);
  void seal_all();
  void hold_back();
  void receive();
  void take_packet(std::size_t child_index, const Bytes& bytes);
  // Whether the rows of a source that wait here for other sources fill its share of the memory.
  [[nodiscard]] bool is_far_ahead(int source) const;
  void settle(bool all);
  void forward();
  void send(bool is_last);
  void drop_taken();
  void move_all();
  void wait_while(const std::function<bool()>& is_blocked);
  // The watchdog's part of moving: pulses, reports, and going on without ranks that are missing.
  void look();
  [[nodiscard]] bool waits_for(std::size_t neighbour) const;
  void go_on_without_missing();
  void cut_off();
  void report_other_calls();
  [[nodiscard]] std::size_t n_neighbours() const noexcept {
    return children_.size() + (is_root() ? 0 : 1);
  }
  [[nodiscard]] std::size_t parent_index() const noexcept { return children_.size(); }
  [[nodiscard]] bool is_parent_given_up() const {
    return !is_root() && (is_cut_off_ || lookout_.is_given_up(parent_index()));
  }
  [[nodiscard]] bool is_any_child_undrained() const;
  [[nodiscard]] DrainOutcome share_outcome(
      const std::function<void(const DrainOutcome&)>& on_rank_0);
  [[nodiscard]] DrainOutcome make_outcome();
  [[nodiscard]] std::optional<RankFailure> find_absence() const;
  [[nodiscard]] bool is_leaf() const noexcept { return children_.empty(); }
  [[nodiscard]] bool is_root() const noexcept { return parent_ < 0; }

  const Communicator& comm_;
  KeyTable& keys_;
  ExchangeOptions options_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  int parent_ = -1;
  std::vector<Child> children_;
  ShapeTable shapes_;
  Junction junction_;
  Lookout lookout_;
  PacketWriter writer_;
  PacketReader::Contents arrived_;  // scratch
  PacketHead next_head_;
  bool has_logged_ = false;
  bool is_draining_ = false;
  std::vector<RowOrBlock> settled_;
  std::vector<Block*> open_;                          // blocks of this rank that are being filled
  std::vector<std::unique_ptr<Block>> open_at_leaf_;  // that own them, where no junction does
  std::size_t n_open_rows_ = 0;
  std::uint64_t n_seals_ = 0;
  double next_look_s_ = 0;
  struct Unsent {
    PostedMessage message;
    std::size_t n_bytes;
    std::int64_t n_submitted;  // rows of this rank until then
  };
  std::vector<Unsent> unsent_;
  std::vector<PostedMessage> taken_;  // to be used again
  std::size_t unsent_bytes_ = 0;
  bool is_flushing_ = false;  // the last drain was a flush
  bool awaits_outcome_ = false;
  bool is_closing_ = false;
  std::vector<PostedMessage> outcomes_;
  bool is_cut_off_ = false;
  std::int64_t n_submitted_ = 0;
  std::int64_t n_handed_over_ = 0;
  Traffic sent_;
  double last_sent_s_ = -1e9;
  double last_polled_s_ = -1e9;
  double last_sealed_s_ = -1e9;
};

}  // namespace ranklog::reduce
