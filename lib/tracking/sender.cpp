#include "tracking/sender.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "core/text.hpp"
#include "tracking/block_records.hpp"

namespace ranklog::tracking {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto flush_interval = std::chrono::seconds(1);

// Rows that did not reach the server for one reason.
struct Loss {
  std::int64_t n_rows = 0;
  std::int64_t first_step = 0;

  void add(std::int64_t rows, std::int64_t step) {
    if (rows == 0) return;
    first_step = n_rows == 0 ? step : std::min(first_step, step);
    n_rows += rows;
  }
  void add(const RecordBlock& block) {
    if (block.n_rows() == 0) return;
    add(static_cast<std::int64_t>(block.n_rows()),
        *std::min_element(block.row_step.begin(), block.row_step.end()));
  }
};

Loss rows_of(std::span<const std::shared_ptr<const RecordBlock>> blocks) {
  Loss rows;
  for (const auto& block : blocks) rows.add(*block);
  return rows;
}

std::size_t bytes_of(const RecordBlock& block) {
  constexpr std::size_t column_bytes = 64;  // of a row: six numbers and two ranks, at most
  return block.n_rows() * (2 * sizeof(double) + block.metrics.size() * column_bytes);
}

}  // namespace

struct Sender::State {
  std::shared_ptr<GeneralTracker> tracker;
  std::shared_ptr<Shield> shield;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Delivery> queue;
  std::size_t n_bytes = 0;
  bool is_flush_wanted = false;
  bool is_closing = false;
  bool is_cancelled = false;
  bool has_ended = false;
  RunOutcome outcome;
  Delivery current;  // what the thread is at; its `work` is empty

  Loss without_room;
  Loss at_deadline;
  Loss refused;  // rows whose log() threw, unless the tracker keeps count itself
  std::int64_t n_other_left_out = 0;
  std::optional<Undelivered> of_tracker;

  // The rest of the rows stays undelivered once the tracker was cancelled.
  void log_rows(std::unique_lock<std::mutex>& lock, const SharedBlocks& blocks) {
    static const Config no_options;
    current = {"log", nullptr, rows_of(blocks).n_rows, rows_of(blocks).first_step, 0};
    for_each_record(std::span(blocks), [&](const Record& record) {
      if (is_cancelled) {
        at_deadline.add(1, record.row_step);
      } else {
        lock.unlock();
        const bool is_done = shield->run("log", [&] { tracker->log(record, no_options); });
        lock.lock();
        if (!is_done) refused.add(1, record.row_step);
      }
      --current.n_rows;
    });
    current = {};
  }
  // Called with the lock held, which they give up meanwhile.
  void call(std::unique_lock<std::mutex>& lock, Delivery delivery) {
    if (!delivery.blocks.empty()) {
      log_rows(lock, delivery.blocks);
      return;
    }
    current = {delivery.what, nullptr, delivery.n_rows, delivery.first_step, 0};
    lock.unlock();
    const bool is_done = shield->run(delivery.what, [&] { delivery.work(*tracker); });
    delivery.work = nullptr;  // frees what it holds, without the lock
    lock.lock();
    if (!is_done) refused.add(delivery.n_rows, delivery.first_step);
    current = {};
  }
  void flush(std::unique_lock<std::mutex>& lock) {
    is_flush_wanted = false;
    call(lock, {"flush", [](GeneralTracker& it) { it.flush(); }});
  }
  void end(std::unique_lock<std::mutex>& lock) {
    for (const auto& left : queue) at_deadline.add(left.n_rows, left.first_step);
    queue.clear();
    call(lock, {"finish", [how = outcome](GeneralTracker& it) { it.finish(how); }});
    lock.unlock();
    std::optional<Undelivered> counted;
    shield->run("undelivered", [&] { counted = tracker->undelivered(); });
    lock.lock();
    of_tracker = std::move(counted);
    has_ended = true;
    changed.notify_all();
  }
  // What did not arrive, and why, a reason for each part. Called with the lock held.
  Loss all_losses(std::vector<std::string>& reasons) const {
    Loss all;
    const auto add = [&](const Loss& loss, std::string_view reason) {
      if (loss.n_rows == 0) return;
      all.add(loss.n_rows, loss.first_step);
      reasons.push_back(fmt::format("{} {}", loss.n_rows, reason));
    };
    add(without_room, "found its queue full");
    Loss waiting = at_deadline;
    if (!has_ended) {  // abandoned, so all that it had is lost
      waiting.add(current.n_rows, current.first_step);
      for (const auto& left : queue) waiting.add(left.n_rows, left.first_step);
    }
    add(waiting, "were still waiting at the deadline");
    if (of_tracker) {
      add({of_tracker->n_rows, of_tracker->first_step},
          of_tracker->reason.empty() ? "were not confirmed"
                                     : escape_unprintable(of_tracker->reason));
    } else {
      add(refused, "were refused");
    }
    return all;
  }
};

Sender::Sender(std::shared_ptr<GeneralTracker> tracker, std::shared_ptr<Shield> shield)
    : state_(std::make_shared<State>()) {
  state_->tracker = std::move(tracker);
  state_->shield = std::move(shield);
}

Sender::~Sender() {
  begin_end({RunStatus::failed, "end_training was not reached"});
  await_end(Clock::now());
}

void Sender::start() {
  thread_ = std::thread([state = state_] { run(state); });
}

bool Sender::find_room(const Delivery& delivery) {
  const std::lock_guard lock(state_->mutex);
  if (state_->queue.size() < max_deliveries && state_->n_bytes + delivery.n_bytes <= max_bytes) {
    return true;
  }
  state_->without_room.add(delivery.n_rows, delivery.first_step);
  if (delivery.n_rows == 0) ++state_->n_other_left_out;
  return false;
}

void Sender::submit(Delivery delivery) {
  if (!find_room(delivery)) return;  // the only thread that could take the room away is this one
  {
    const std::lock_guard lock(state_->mutex);
    state_->n_bytes += delivery.n_bytes;
    state_->queue.push_back(std::move(delivery));
  }
  state_->changed.notify_all();
}

void Sender::submit(std::span<const PooledBlock> blocks, SharedBlocks& copy) {
  Loss rows;
  Delivery delivery;
  for (const auto& block : blocks) {
    rows.add(*block);
    delivery.n_bytes += bytes_of(*block);
  }
  if (rows.n_rows == 0) return;
  delivery.n_rows = rows.n_rows;
  delivery.first_step = rows.first_step;
  if (!find_room(delivery)) return;
  if (copy.empty()) {
    for (const auto& block : blocks) copy.push_back(std::make_shared<const RecordBlock>(*block));
  }
  delivery.blocks = copy;
  submit(std::move(delivery));
}

void Sender::flush_soon() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->is_flush_wanted = true;
  }
  state_->changed.notify_all();
}

void Sender::begin_end(const RunOutcome& outcome) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->is_closing) return;
    state_->is_closing = true;
    state_->outcome = outcome;
  }
  state_->changed.notify_all();
}

void Sender::await_end(Clock::time_point deadline) {
  if (std::exchange(is_ended_, true) || !thread_.joinable()) return;
  const auto has_ended = [&] { return state_->has_ended; };
  std::unique_lock lock(state_->mutex);
  if (!state_->changed.wait_until(lock, deadline, has_ended)) {
    state_->is_cancelled = true;
    lock.unlock();
    state_->changed.notify_all();
    state_->tracker->cancel();
    lock.lock();
  }
  if (state_->changed.wait_for(lock, cancel_grace, has_ended)) {
    lock.unlock();
    thread_.join();
  } else {
    thread_.detach();  // it holds the state, and with it the tracker, for as long as it needs
  }
}

void Sender::run(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  auto flush_at = Clock::time_point::max();
  while (true) {
    const auto has_work = [&] {
      return !state->queue.empty() || state->is_flush_wanted || state->is_closing;
    };
    const bool is_flush_due = Clock::now() >= flush_at;
    if (!is_flush_due && !has_work()) {
      // wait_until(max()) overflows in libstdc++'s conversion between clocks.
      if (flush_at == Clock::time_point::max()) {
        state->changed.wait(lock, has_work);
      } else {
        state->changed.wait_until(lock, flush_at, has_work);
      }
      continue;
    }
    if (state->is_cancelled || (state->is_closing && state->queue.empty())) break;
    if (is_flush_due || state->queue.empty()) {
      state->flush(lock);
      flush_at = Clock::time_point::max();
      continue;
    }
    Delivery next = std::move(state->queue.front());
    state->queue.pop_front();
    const std::size_t n_bytes = next.n_bytes;
    state->call(lock, std::move(next));
    state->n_bytes -= n_bytes;
    if (flush_at == Clock::time_point::max()) flush_at = Clock::now() + flush_interval;
  }
  state->end(lock);
}

std::optional<std::string> Sender::shortfall(std::string_view where) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<std::string> reasons;
  const Loss all = state_->all_losses(reasons);
  std::string text;
  if (all.n_rows > 0) {
    text = fmt::format("{} row{} from step {} on not delivered ({}); {}", all.n_rows,
                       all.n_rows == 1 ? "" : "s", all.first_step, fmt::join(reasons, "; "), where);
  }
  if (state_->n_other_left_out > 0) {
    text += fmt::format("{}{} other calls found its queue full", text.empty() ? "" : "; ",
                        state_->n_other_left_out);
  }
  if (!state_->has_ended) {
    text += fmt::format("{}its {} did not return and was abandoned", text.empty() ? "" : "; ",
                        state_->current.what.empty() ? "thread" : state_->current.what);
  }
  if (text.empty()) return std::nullopt;
  return fmt::format("tracker '{}': {}", state_->shield->tracker(), text);
}

std::optional<std::int64_t> Sender::first_step_left() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<std::string> reasons;
  const Loss all = state_->all_losses(reasons);
  return all.n_rows > 0 ? std::optional(all.first_step) : std::nullopt;
}

}  // namespace ranklog::tracking
