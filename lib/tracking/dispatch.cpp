#include "tracking/dispatch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"
#include "tracking/reporter.hpp"

namespace ranklog::tracking {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto idle_flush_after = std::chrono::seconds(1);
constexpr auto report_interval = std::chrono::seconds(1);

std::string describe_current_exception() {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an object that is no std::exception";
  }
}

}  // namespace

Dispatch::Dispatch(std::vector<Selected> trackers, OwnRecorder own_recorder)
    : trackers_(std::move(trackers)), own_recorder_(std::move(own_recorder)) {
  for (const auto& selected : trackers_) {
    Slot slot;
    slot.tracker = selected.tracker;
    slot.name = selected.name;
    slot.is_caller_bound = selected.tracker->thread_affinity() == ThreadAffinity::caller;
    slot.audience =
        selected.tracker->main_process_only() ? Audience::main_process : Audience::every_rank;
    slots_.push_back(std::move(slot));
  }
}

Dispatch::~Dispatch() { finish({RunStatus::failed, "end_training was not reached"}); }

// An instance that was selected twice gets every record twice, but starts and ends once.
void Dispatch::for_each_once(const std::function<void(Slot&)>& work) {
  for (auto slot = slots_.begin(); slot != slots_.end(); ++slot) {
    const bool is_repeated = std::any_of(
        slots_.begin(), slot, [&](const Slot& other) { return other.tracker == slot->tracker; });
    if (!is_repeated) work(*slot);
  }
}

void Dispatch::start(const std::function<TrackerContext(const Selected&)>& context_for,
                     const Config* config) {
  std::vector<GeneralTracker*> started;
  for_each_once([&](Slot& slot) {
    const auto index = static_cast<std::size_t>(&slot - slots_.data());
    try {
      slot.tracker->start(context_for(trackers_[index]));
      started.push_back(slot.tracker.get());
    } catch (...) {
      const auto why = describe_current_exception();
      is_finished_ = true;
      for (auto& other : slots_) {
        if (std::find(started.begin(), started.end(), other.tracker.get()) == started.end())
          continue;
        shield(other, "finish", [&] { other.tracker->finish({RunStatus::failed, why}); });
        std::erase(started, other.tracker.get());
      }
      throw TrackerFailedError(fmt::format("tracker '{}' could not start: {}", slot.name, why));
    }
  });
  is_started_ = true;
  if (config != nullptr) {
    for_each_once([&](Slot& slot) {
      shield(slot, "store_init_configuration",
             [&] { slot.tracker->store_init_configuration(*config); });
    });
  }
  const bool needs_writer = std::any_of(slots_.begin(), slots_.end(),
                                        [](const Slot& slot) { return !slot.is_caller_bound; });
  if (needs_writer) writer_ = std::thread([this] { run_writer(); });
}

bool Dispatch::has(Audience audience) const noexcept {
  return std::any_of(slots_.begin(), slots_.end(),
                     [&](const Slot& slot) { return slot.audience == audience; });
}

void Dispatch::submit(std::shared_ptr<const Record> record,
                      std::shared_ptr<const TrackerOptions> options, Audience audience) {
  bool is_for_writer = false;
  for (auto& slot : slots_) {
    if (slot.audience != audience) continue;
    if (slot.is_caller_bound) {
      log_to(slot, *record, options.get());
    } else {
      is_for_writer = true;
    }
  }
  if (!is_for_writer) return;
  enqueue([this, record = std::move(record), options = std::move(options), audience] {
    for (auto& slot : slots_) {
      if (slot.audience == audience && !slot.is_caller_bound) log_to(slot, *record, options.get());
    }
  });
}

void Dispatch::direct(std::size_t index, std::string what,
                      std::function<void(GeneralTracker&)> work) {
  Slot& slot = slots_[index];
  auto task = [this, &slot, what = std::move(what), work = std::move(work)] {
    shield(slot, what, [&] { work(*slot.tracker); });
  };
  if (slot.is_caller_bound) {
    task();
  } else {
    enqueue(std::move(task));
  }
}

void Dispatch::log_to(Slot& slot, const Record& record, const TrackerOptions* options) {
  const Config no_options;
  const Config* own = &no_options;
  if (options != nullptr) {
    const auto found = options->find(slot.name);
    if (found != options->end()) own = &found->second;
  }
  shield(slot, "log", [&] { slot.tracker->log(record, *own); });
}

void Dispatch::flush() {
  if (!is_started_ || is_finished_) return;
  for (auto& slot : slots_) {
    if (slot.is_caller_bound) shield(slot, "flush", [&] { slot.tracker->flush(); });
  }
  if (!writer_.joinable()) return;
  enqueue([this] { flush_writer_slots(); });
  wait_until_idle();
}

void Dispatch::flush_writer_slots() {
  for (auto& slot : slots_) {
    if (!slot.is_caller_bound) shield(slot, "flush", [&] { slot.tracker->flush(); });
  }
}

void Dispatch::finish(const RunOutcome& outcome) {
  if (is_finished_) return;
  is_finished_ = true;
  if (writer_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      is_closing_ = true;
    }
    has_work_.notify_all();
    writer_.join();
  }
  if (!is_started_) return;
  for_each_once(
      [&](Slot& slot) { shield(slot, "finish", [&] { slot.tracker->finish(outcome); }); });
}

std::vector<std::string> Dispatch::failures() const {
  const std::lock_guard lock(error_mutex_);
  std::vector<std::string> lines;
  for (const auto& slot : slots_) {
    if (slot.n_errors == 0) continue;
    lines.push_back(fmt::format("tracker '{}' failed {} time{}; first: {}", slot.name,
                                slot.n_errors, slot.n_errors == 1 ? "" : "s", slot.first_error));
  }
  return lines;
}

void Dispatch::shield(Slot& slot, std::string_view what,
                      const std::function<void()>& work) noexcept {
  try {
    work();
  } catch (...) {
    const auto why = fmt::format("{}: {}", what, escape_unprintable(describe_current_exception()));
    const std::lock_guard lock(error_mutex_);
    if (slot.n_errors++ == 0) slot.first_error = why;
    const auto now = Clock::now();
    if (now - last_report_ < report_interval) return;
    last_report_ = now;
    report(fmt::format("tracker '{}' failed in {} (error {}); the job and the other trackers go on",
                       slot.name, why, slot.n_errors));
  }
}

void Dispatch::enqueue(std::function<void()> task) {
  std::unique_lock lock(mutex_);
  has_room_.wait(lock, [&] { return queue_.size() < capacity; });
  queue_.push_back(std::move(task));
  lock.unlock();
  has_work_.notify_one();
}

void Dispatch::wait_until_idle() {
  std::unique_lock lock(mutex_);
  has_room_.wait(lock, [&] { return queue_.empty() && !is_busy_; });
}

void Dispatch::run_writer() {
  std::unique_lock lock(mutex_);
  bool is_flushed = true;
  while (true) {
    const auto has_task = [&] { return !queue_.empty() || is_closing_; };
    if (is_flushed) {
      has_work_.wait(lock, has_task);
    } else if (!has_work_.wait_for(lock, idle_flush_after, has_task)) {
      is_busy_ = true;
      lock.unlock();
      flush_writer_slots();
      lock.lock();
      is_busy_ = false;
      is_flushed = true;
      has_room_.notify_all();
      continue;
    }
    if (queue_.empty()) return;  // closing, and nothing is left
    auto task = std::move(queue_.front());
    queue_.pop_front();
    is_busy_ = true;
    lock.unlock();
    task();
    lock.lock();
    is_busy_ = false;
    is_flushed = false;
    has_room_.notify_all();
  }
}

}  // namespace ranklog::tracking
