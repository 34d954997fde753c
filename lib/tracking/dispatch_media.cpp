// The part of Dispatch that delivers media.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "ranklog/error.hpp"
#include "ranklog/key.hpp"
#include "tracking/dispatch.hpp"

namespace ranklog::tracking {

MediaTime Dispatch::time_of_media(const std::vector<std::string>& keys,
                                  std::optional<std::int64_t> step) {
  for (const auto& key : keys) validate_key(key);
  if (step && *step < 0) throw InvalidStepError(fmt::format("media: step {} is negative", *step));
  MediaTime when;
  when.step = step;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  when.time = std::chrono::duration<double>(now).count();
  if (step) {
    when.row_step = *step;
    return when;
  }
  for (const auto& key : keys) when.row_step = std::max(when.row_step, next_media_step_[key]);
  for (const auto& key : keys) next_media_step_[key] = when.row_step + 1;
  return when;
}

namespace {

// May throw; the caller shields.
void attempt(GeneralTracker& tracker, Shield& shield, const MediaTask& task,
             const Config& options) {
  if (!task.work(tracker, options)) shield.note_unsupported(task.what);
}

// A copy of what one sender needs, because its thread may outlive the dispatch.
Delivery delivery_of(std::shared_ptr<const MediaTask> task, std::shared_ptr<Shield> shield,
                     Config options) {
  const std::size_t n_bytes = task->n_bytes;
  return {task->what,
          [task, shield = std::move(shield), options = std::move(options)](
              GeneralTracker& tracker) { attempt(tracker, *shield, *task, options); },
          0, 0, n_bytes};
}

}  // namespace

void Dispatch::submit_media(MediaTask task, std::shared_ptr<const TrackerOptions> options) {
  const auto shared = std::make_shared<const MediaTask>(std::move(task));
  bool is_for_writer = false;
  for (auto& slot : slots_) {
    const Config& own = options_of(slot.name, options.get());
    if (slot.sender) {
      slot.sender->submit(delivery_of(shared, slot.shield, own));
    } else if (slot.affinity == ThreadAffinity::caller) {
      give_media(slot, *shared, own);
    } else {
      is_for_writer = true;
    }
  }
  if (!is_for_writer) return;
  enqueue_media(shared->n_bytes, [this, shared, options = std::move(options)] {
    for (auto& slot : slots_) {
      if (slot.affinity != ThreadAffinity::writer) continue;
      give_media(slot, *shared, options_of(slot.name, options.get()));
    }
  });
}

void Dispatch::direct_media(std::size_t index, MediaTask task, Config options) {
  Slot& slot = slots_[index];
  const auto shared = std::make_shared<const MediaTask>(std::move(task));
  if (slot.sender) {
    slot.sender->submit(delivery_of(shared, slot.shield, std::move(options)));
  } else if (slot.affinity == ThreadAffinity::caller) {
    give_media(slot, *shared, options);
  } else {
    enqueue_media(shared->n_bytes, [this, &slot, shared, options = std::move(options)] {
      give_media(slot, *shared, options);
    });
  }
}

// A single task above the limit still passes when nothing else is held.
void Dispatch::enqueue_media(std::size_t n_bytes, std::function<void()> delivery) {
  std::unique_lock lock(mutex_);
  has_room_.wait(lock, [&] {
    const bool has_memory = n_media_bytes_ == 0 || n_media_bytes_ + n_bytes <= max_media_bytes;
    return has_memory && queue_.size() < capacity;
  });
  n_media_bytes_ += n_bytes;
  queue_.push([this, n_bytes, deliver = std::move(delivery)] {
    deliver();
    const std::lock_guard done(mutex_);
    n_media_bytes_ -= n_bytes;  // the writer notifies has_room_ after every task
  });
  lock.unlock();
  has_work_.notify_one();
}

void Dispatch::give_media(Slot& slot, const MediaTask& task, const Config& options) noexcept {
  slot.shield->run(task.what, [&] { attempt(*slot.tracker, *slot.shield, task, options); });
}

}  // namespace ranklog::tracking
