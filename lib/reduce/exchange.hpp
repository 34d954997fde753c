// Carries rows up a binomial tree of ranks to rank 0, without waiting: each rank posts packets to
// its parent and merges what its children posted. See docs/design/0002-streaming-tree.md.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "ranklog/communicator.hpp"
#include "reduce/assembler.hpp"
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
  double report_wait_after_s = 60;
  std::function<void(const std::string&)> report;  // told, once per wait, whom we wait for
};

// What all ranks know after a drain; the same on all.
struct DrainOutcome {
  std::vector<Conflict> conflicts;  // sorted; at most max_conflicts
  std::optional<RankFailure> failure;
  std::int64_t n_late_parts = 0;
  bool are_all_ending = false;  // every rank came to this drain from end_training()
};

// What makes a rank drain: it goes on afterwards, or it ends.
enum class DrainReason : std::uint8_t { flush, end };

class Exchange {
 public:
  // `comm` must outlive the exchange and be used for nothing else while it lives.
  Exchange(const Communicator& comm, KeyTable& keys, ExchangeOptions options);

  // Hands in a row of this rank and moves what can be moved. Waits while more than
  // max_unsent_bytes are untaken by the parent, or this rank's rows that wait here for other ranks
  // fill their share of max_waiting_bytes; the latter for AssemblerOptions::late_s at most, since
  // rows go then.
  void submit(Row row);
  // Moves what can be moved, at most once a millisecond.
  void poll();
  // Rank 0: rows that are complete, in order. Other ranks: none.
  [[nodiscard]] std::vector<Row> take_settled();
  // Collective, waiting: returns when all rows submitted by all ranks are settled on rank 0.
  // A rank that ends must drain again until all ranks are ending, because the others may flush
  // first.
  [[nodiscard]] DrainOutcome drain(DrainReason reason,
                                   const std::optional<RankFailure>& failure = std::nullopt);
  // To be sent with the next packet.
  void add_conflict(Conflict conflict);

 private:
  struct Child {
    int rank;
    PacketReader reader;
    bool is_drained = false;
    bool is_ending = false;
    std::int32_t n_ranks_heard = 0;
  };

  [[nodiscard]] double now_s() const;
  void receive();
  void take_packet(std::size_t child_index, const Bytes& bytes);
  // Whether the rows of a source that wait here for other sources fill its share of the memory.
  [[nodiscard]] bool is_far_ahead(int source) const;
  void settle(bool all);
  void forward();
  void send(bool is_last);
  void drop_taken();
  void move_all();
  void wait_while(const std::function<bool()>& is_blocked, const std::function<std::string()>& why);
  [[nodiscard]] std::vector<int> missing_children() const;
  [[nodiscard]] DrainOutcome share_outcome();
  [[nodiscard]] bool is_leaf() const noexcept { return children_.empty(); }
  [[nodiscard]] bool is_root() const noexcept { return parent_ < 0; }

  const Communicator& comm_;
  KeyTable& keys_;
  ExchangeOptions options_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  int parent_ = -1;
  std::vector<Child> children_;
  Assembler assembler_;
  PacketWriter writer_;
  PacketHead next_head_;
  bool has_logged_ = false;
  bool is_draining_ = false;
  std::vector<Row> settled_;
  struct Unsent {
    PostedMessage message;
    std::size_t n_bytes;
  };
  std::deque<Unsent> unsent_;
  std::size_t unsent_bytes_ = 0;
  double last_sent_s_ = -1e9;
  double last_polled_s_ = -1e9;
};

}  // namespace ranklog::reduce
