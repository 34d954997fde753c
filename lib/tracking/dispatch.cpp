#include "tracking/dispatch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tracking/block_records.hpp"

namespace ranklog::tracking {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto idle_flush_after = std::chrono::seconds(1);

// Memory that a record keeps alive, roughly.
std::size_t size_of(const Record& record) {
  std::size_t n_bytes = sizeof(Record);
  for (const Metric& metric : record.metrics) {
    n_bytes += sizeof(Metric) + metric.text.capacity();
    for (const RankPart& part : metric.per_rank) {
      n_bytes += sizeof(RankPart) + part.text.capacity() +
                 (part.reals.capacity() + part.integers.capacity()) * sizeof(double);
    }
  }
  return n_bytes;
}

}  // namespace

const Config& options_of(const std::string& tracker, const TrackerOptions* options) {
  static const Config no_options;
  if (options == nullptr) return no_options;
  const auto found = options->find(tracker);
  return found == options->end() ? no_options : found->second;
}

Dispatch::Dispatch(std::vector<Selected> trackers, OwnRecorder own_recorder,
                   std::chrono::milliseconds remote_deadline)
    : trackers_(std::move(trackers)),
      own_recorder_(std::move(own_recorder)),
      remote_deadline_(remote_deadline) {
  const auto limit = std::make_shared<ReportLimit>();
  for (const auto& selected : trackers_) {
    Slot slot;
    slot.tracker = selected.tracker;
    slot.name = selected.name;
    slot.takes_blocks = selected.tracker->takes_blocks();
    slot.audience =
        selected.tracker->main_process_only() ? Audience::main_process : Audience::every_rank;
    slot.shield = std::make_shared<Shield>(selected.name, limit);
    slots_.push_back(std::move(slot));
  }
}

// After start(), because a tracker may need its options to know whether it talks to a server.
void Dispatch::assign_threads() {
  for (auto slot = slots_.begin(); slot != slots_.end(); ++slot) {
    slot->affinity = slot->tracker->thread_affinity();
    if (slot->affinity != ThreadAffinity::sender) continue;
    const auto same = std::find_if(
        slots_.begin(), slot, [&](const Slot& other) { return other.tracker == slot->tracker; });
    slot->sender =
        same != slot ? same->sender : std::make_shared<Sender>(slot->tracker, slot->shield);
  }
}

Dispatch::~Dispatch() { finish({RunStatus::failed, "end_training was not reached"}); }

template <class Work>
void Dispatch::enqueue(Work&& work) {
  std::unique_lock lock(mutex_);
  has_room_.wait(lock, [&] { return queue_.size() < capacity; });
  queue_.push(std::forward<Work>(work));
  lock.unlock();
  has_work_.notify_one();
}

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
        if (other.tracker->thread_affinity() == ThreadAffinity::sender) other.tracker->cancel();
        other.shield->run("finish", [&] { other.tracker->finish({RunStatus::failed, why}); });
        std::erase(started, other.tracker.get());
      }
      throw TrackerFailedError(fmt::format("tracker '{}' could not start: {}", slot.name, why));
    }
  });
  assign_threads();
  is_started_ = true;
  begin_notes(context_for);
  if (config != nullptr) {
    for_each_once([&](Slot& slot) {
      const std::string what = "store_init_configuration";
      const auto store = [config = *config](GeneralTracker& it) {
        it.store_init_configuration(config);
      };
      if (slot.sender) {
        slot.sender->submit({what, store});
      } else {
        slot.shield->run(what, [&] { store(*slot.tracker); });
      }
    });
  }
  const bool needs_writer = std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.affinity == ThreadAffinity::writer;
  });
  if (needs_writer) writer_ = std::thread([this] { run_writer(); });
  for_each_once([](Slot& slot) {
    if (slot.sender) slot.sender->start();
  });
}

bool Dispatch::has_run_file() const {
  return std::any_of(slots_.begin(), slots_.end(),
                     [](const Slot& slot) { return slot.name == "hdf5"; });
}

// What a server does not get can be delivered later, if there is a run file.
void Dispatch::begin_notes(const std::function<TrackerContext(const Selected&)>& context_for) {
  if (!has_run_file()) return;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].sender || trackers_[i].is_instance) continue;
    slots_[i].note = DeliveryNote::begin(slots_[i].name, context_for(trackers_[i]));
  }
}

void Dispatch::end_notes(const RunOutcome& outcome) {
  for (auto& slot : slots_) {
    if (!slot.note) continue;
    const bool is_told = !slot.shield->summary() && !slot.sender->shortfall("");
    slot.note->end(slot.sender->first_step_left(), is_told ? to_string(outcome.status) : "");
  }
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
    if (slot.affinity == ThreadAffinity::caller) {
      slot.shield->run("log", [&] { log_to(*slot.tracker, slot.name, *record, options.get()); });
    } else if (slot.sender) {
      send(slot, record, options);
    } else {
      is_for_writer = true;
    }
  }
  if (!is_for_writer) return;
  enqueue([this, record = std::move(record), options = std::move(options), audience] {
    for (auto& slot : slots_) {
      if (slot.audience != audience || slot.affinity != ThreadAffinity::writer) continue;
      slot.shield->run("log", [&] { log_to(*slot.tracker, slot.name, *record, options.get()); });
    }
  });
}

void Dispatch::send(Slot& slot, const std::shared_ptr<const Record>& record,
                    const std::shared_ptr<const TrackerOptions>& options) {
  slot.sender->submit({"log",
                       [name = slot.name, record, options](GeneralTracker& tracker) {
                         log_to(tracker, name, *record, options.get());
                       },
                       1, record->row_step, size_of(*record)});
}

void Dispatch::submit(Blocks& blocks) {
  bool is_for_writer = false;
  Sender::SharedBlocks shared;
  for (auto& slot : slots_) {
    if (slot.audience != Audience::main_process) continue;
    if (slot.affinity == ThreadAffinity::caller) {
      log_to(slot, blocks);
    } else if (slot.sender) {
      slot.sender->submit(blocks, shared);
    } else {
      is_for_writer = true;
    }
  }
  if (is_for_writer) enqueue(blocks);
  blocks.clear();
}

void Dispatch::direct(std::size_t index, std::string what,
                      std::function<void(GeneralTracker&)> work) {
  Slot& slot = slots_[index];
  if (slot.sender) {
    slot.sender->submit({std::move(what), std::move(work)});
    return;
  }
  auto task = [&slot, what = std::move(what), work = std::move(work)] {
    slot.shield->run(what, [&] { work(*slot.tracker); });
  };
  if (slot.affinity == ThreadAffinity::caller) {
    task();
  } else {
    enqueue(std::move(task));
  }
}

void Dispatch::log_to(GeneralTracker& tracker, const std::string& name, const Record& record,
                      const TrackerOptions* options) {
  tracker.log(record, options_of(name, options));
}

void Dispatch::log_to(Slot& slot, std::span<const PooledBlock> blocks) {
  if (slot.takes_blocks) {
    for (const auto& block : blocks) {
      slot.shield->run("log_block", [&] { slot.tracker->log_block(*block); });
    }
    return;
  }
  const Config no_options;
  for_each_record(blocks, [&](const Record& record) {
    slot.shield->run("log", [&] { slot.tracker->log(record, no_options); });
  });
}

void Dispatch::flush() {
  if (!is_started_ || is_finished_) return;
  for (auto& slot : slots_) {
    if (slot.sender) slot.sender->flush_soon();
    if (slot.affinity == ThreadAffinity::caller) {
      slot.shield->run("flush", [&] { slot.tracker->flush(); });
    }
  }
  if (!writer_.joinable()) return;
  enqueue([this] { tell_writer_slots("flush", &GeneralTracker::flush); });
  wait_until_idle();
}

void Dispatch::tell_writer_slots(std::string_view what, void (GeneralTracker::*method)()) {
  for (auto& slot : slots_) {
    if (slot.affinity != ThreadAffinity::writer) continue;
    slot.shield->run(what, [&] { ((*slot.tracker).*method)(); });
  }
}

void Dispatch::finish(const RunOutcome& outcome) {
  if (is_finished_) return;
  is_finished_ = true;
  const auto deadline = Clock::now() + remote_deadline_;
  if (is_started_) {
    for (auto& slot : slots_) {
      if (slot.sender) slot.sender->begin_end(outcome);
    }
  }
  finish_local(outcome);
  if (!is_started_) return;
  for (auto& slot : slots_) {
    if (slot.sender) slot.sender->await_end(deadline);
  }
  end_notes(outcome);
}

void Dispatch::finish_local(const RunOutcome& outcome) {
  if (writer_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      is_closing_ = true;
    }
    has_work_.notify_all();
    writer_.join();
  }
  if (!is_started_) return;
  for_each_once([&](Slot& slot) {
    if (slot.sender) return;
    slot.shield->run("finish", [&] { slot.tracker->finish(outcome); });
  });
}

std::vector<std::string> Dispatch::failures() const {
  std::vector<std::string> lines;
  std::vector<const Sender*> asked;
  for (const auto& slot : slots_) {
    if (auto line = slot.shield->summary()) lines.push_back(std::move(*line));
    for (auto& line : slot.shield->unsupported()) lines.push_back(std::move(line));
    if (!slot.sender || std::find(asked.begin(), asked.end(), slot.sender.get()) != asked.end())
      continue;
    asked.push_back(slot.sender.get());
    std::string where = "no other copy was kept: select hdf5 too to keep one";
    if (has_run_file()) where = "all are in run.h5";
    if (slot.note) where += "; deliver them with: " + slot.note->command();
    if (auto line = slot.sender->shortfall(where)) lines.push_back(std::move(*line));
  }
  return lines;
}

void Dispatch::wait_until_idle() {
  std::unique_lock lock(mutex_);
  has_room_.wait(lock, [&] { return queue_.empty() && !is_busy_; });
}

void Dispatch::run(Task& task) {
  if (task.work) task.work();
  for (auto& slot : slots_) {
    const bool is_mine =
        slot.audience == Audience::main_process && slot.affinity == ThreadAffinity::writer;
    if (is_mine && !task.blocks.empty()) log_to(slot, task.blocks);
  }
  task.work = nullptr;
  task.blocks.clear();
}

void Dispatch::run_writer() {
  std::unique_lock lock(mutex_);
  Task task;
  bool is_flushed = true;
  while (true) {
    const auto has_task = [&] { return !queue_.empty() || is_closing_; };
    if (is_flushed) {
      has_work_.wait(lock, has_task);
    } else if (!has_work_.wait_for(lock, idle_flush_after, has_task)) {
      is_busy_ = true;
      lock.unlock();
      tell_writer_slots("on_idle", &GeneralTracker::on_idle);
      lock.lock();
      is_busy_ = false;
      is_flushed = true;
      has_room_.notify_all();
      continue;
    }
    if (queue_.empty()) return;  // closing, and nothing is left
    queue_.pop(task);
    is_busy_ = true;
    lock.unlock();
    run(task);
    lock.lock();
    is_busy_ = false;
    is_flushed = false;
    has_room_.notify_all();
  }
}

}  // namespace ranklog::tracking
