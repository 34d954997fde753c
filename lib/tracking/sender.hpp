// The thread and the bounded queue of one tracker that talks to a server. A slow or dead server
// holds up this thread and nobody else; what finds no room stays in the run file and is counted.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/record_block_pool.hpp"
#include "ranklog/tracker.hpp"
#include "tracking/shield.hpp"

namespace ranklog::tracking {

// What to do with the tracker; `n_rows` is 0 for what is not a row.
struct Delivery {
  std::string what;  // the method, for messages
  std::function<void(GeneralTracker&)> work;
  std::int64_t n_rows = 0;
  std::int64_t first_step = 0;  // of the rows
  std::size_t n_bytes = 0;      // memory that waiting for delivery keeps alive, roughly
  // Not empty: instead of `work`, log() for each row of these.
  std::vector<std::shared_ptr<const RecordBlock>> blocks = {};
};

// Thread safety: one calling thread.
class Sender {
 public:
  static constexpr std::size_t max_deliveries = 65536;
  static constexpr std::size_t max_bytes = std::size_t{64} << 20;
  // How long a tracker that was cancelled may take to return before its thread is abandoned.
  static constexpr auto cancel_grace = std::chrono::seconds(5);

  Sender(std::shared_ptr<GeneralTracker> tracker, std::shared_ptr<Shield> shield);
  ~Sender();  // as await_end() with a deadline that has passed

  void start();
  // Never waits. Without room the delivery is left out, and counted.
  void submit(Delivery delivery);
  // As submit(). Copies the blocks into `copy` if it is empty, so that several senders share it.
  using SharedBlocks = std::vector<std::shared_ptr<const RecordBlock>>;
  void submit(std::span<const PooledBlock> blocks, SharedBlocks& copy);
  // Asks for a flush() behind what was submitted; does not wait for it.
  void flush_soon();
  // Asks for finish() behind what was submitted; await_end() waits for it until `deadline`, then
  // cancels the tracker. Both are idempotent.
  void begin_end(const RunOutcome& outcome);
  void await_end(std::chrono::steady_clock::time_point deadline);

  // After await_end(): one line for the closing summary on what was not delivered, or none.
  // `where`: where all rows are.
  [[nodiscard]] std::optional<std::string> shortfall(std::string_view where) const;
  // After await_end(): the lowest step of the rows that were not delivered.
  [[nodiscard]] std::optional<std::int64_t> first_step_left() const;

 private:
  struct State;
  static void run(const std::shared_ptr<State>& state);
  // False: the delivery was counted as left out.
  bool find_room(const Delivery& delivery);

  std::shared_ptr<State> state_;  // shared with the thread, which may be abandoned
  std::thread thread_;
  bool is_ended_ = false;
};

}  // namespace ranklog::tracking
