// Hands records to trackers: a bounded queue, one writer thread for local trackers, a sender for
// each remote one, and a shield around every tracker, so that none can hurt the job or another.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "tracking/delivery_note.hpp"
#include "tracking/selection.hpp"
#include "tracking/sender.hpp"
#include "tracking/shield.hpp"
#include "tracking/task_queue.hpp"

namespace ranklog::tracking {

// Which trackers a record is for.
enum class Audience : std::uint8_t {
  main_process,  // reduced values, on rank 0
  every_rank,    // this rank's own values, for trackers with main_process_only() false
};

using TrackerOptions = std::map<std::string, Config>;
// The entry of `tracker`, or no options. Valid as long as `options`.
[[nodiscard]] const Config& options_of(const std::string& tracker, const TrackerOptions* options);
// Makes a record of this rank's own values, for a tracker that is spoken to directly.
using OwnRecorder = std::function<Record(const Values&, std::optional<std::int64_t> step)>;

// A piece of media on its way to trackers.
struct MediaTask {
  std::string what;  // "images", "a table", ...
  std::size_t n_bytes = 0;
  std::function<bool(GeneralTracker&, const Config& options)> work;
};

// Thread safety: one calling thread. Records are delivered in order; a full queue (see capacity)
// makes submit() wait, because local sinks must not lose rows. Remote trackers never make anything
// wait but finish(), and that at most until `remote_deadline` after its beginning.
class Dispatch {
 public:
  static constexpr std::size_t capacity = 8192;  // tasks
  static constexpr std::chrono::milliseconds default_remote_deadline{60000};
  static constexpr std::size_t max_media_bytes = std::size_t{256} << 20;

  Dispatch(std::vector<Selected> trackers, OwnRecorder own_recorder,
           std::chrono::milliseconds remote_deadline = default_remote_deadline);
  ~Dispatch();  // finishes as failed if finish() was not called

  // Starts all, then gives `config` to each. Errors: TrackerFailedError naming the tracker; those
  // that had started are finished then. `context_for` fills in a tracker's own options.
  void start(const std::function<TrackerContext(const Selected&)>& context_for,
             const Config* config);
  void submit(std::shared_ptr<const Record> record, std::shared_ptr<const TrackerOptions> options,
              Audience audience);
  // Takes rows for Audience::main_process, in order with submit(). The caller gets an empty vector
  // to fill again. Allocates nothing once the queue has grown, unless there are remote trackers.
  void submit(Blocks& blocks);
  // Runs `work` on all trackers, with their own entry of `options`, at the place in the order that
  // a record submitted now would have. Where it returns false, `what` is counted as unsupported.
  // `n_bytes` is what the task holds on to; waits while more than max_media_bytes would be held.
  void submit_media(MediaTask task, std::shared_ptr<const TrackerOptions> options);
  void direct_media(std::size_t index, MediaTask task, Config options);
  // Numbers calls without a step, for each key. Errors: InvalidKeyError, InvalidStepError.
  [[nodiscard]] MediaTime time_of_media(const std::vector<std::string>& keys,
                                        std::optional<std::int64_t> step);
  // Runs `work` on one tracker, shielded, on the thread and at the place in the order that a
  // record submitted now would have.
  void direct(std::size_t index, std::string what, std::function<void(GeneralTracker&)> work);
  // Waits until everything submitted is delivered and every local tracker's flush() has returned.
  // Remote trackers are asked to flush, too, but not waited for.
  void flush();
  // Delivers what is left, finishes every tracker. Idempotent.
  void finish(const RunOutcome& outcome);

  [[nodiscard]] Record own_record(const Values& values, std::optional<std::int64_t> step) const {
    return own_recorder_(values, step);
  }
  [[nodiscard]] const std::vector<Selected>& trackers() const noexcept { return trackers_; }
  [[nodiscard]] bool has(Audience audience) const noexcept;
  // After finish(), for the closing summary: one line for each tracker that failed, for each remote
  // one that did not deliver everything, and for each kind of media that one has no place for.
  [[nodiscard]] std::vector<std::string> failures() const;

 private:
  struct Slot {
    std::shared_ptr<GeneralTracker> tracker;
    std::string name;
    bool takes_blocks = false;
    ThreadAffinity affinity = ThreadAffinity::writer;
    Audience audience = Audience::main_process;
    std::shared_ptr<Shield> shield;
    std::shared_ptr<Sender> sender;    // affinity sender only; one for each tracker
    std::optional<DeliveryNote> note;  // beside `sender`
  };

  static void log_to(GeneralTracker& tracker, const std::string& name, const Record& record,
                     const TrackerOptions* options);
  static void send(Slot& slot, const std::shared_ptr<const Record>& record,
                   const std::shared_ptr<const TrackerOptions>& options);
  static void log_to(Slot& slot, std::span<const PooledBlock> blocks);
  // Work is a function or Blocks.
  template <class Work>
  void enqueue(Work&& work);
  void run(Task& task);
  void give_media(Slot& slot, const MediaTask& task, const Config& options) noexcept;
  void enqueue_media(std::size_t n_bytes, std::function<void()> delivery);
  void wait_until_idle();
  void run_writer();
  void tell_writer_slots(std::string_view what, void (GeneralTracker::*method)());
  [[nodiscard]] bool has_run_file() const;
  void begin_notes(const std::function<TrackerContext(const Selected&)>& context_for);
  void end_notes(const RunOutcome& outcome);
  void assign_threads();
  void for_each_once(const std::function<void(Slot&)>& work);
  void finish_local(const RunOutcome& outcome);

  std::vector<Selected> trackers_;
  OwnRecorder own_recorder_;
  std::chrono::milliseconds remote_deadline_;
  std::vector<Slot> slots_;
  bool is_started_ = false;
  bool is_finished_ = false;
  std::map<std::string, std::int64_t, std::less<>> next_media_step_;  // of keys without steps

  std::mutex mutex_;
  std::condition_variable has_work_;
  std::condition_variable has_room_;
  TaskQueue queue_;
  bool is_busy_ = false;
  bool is_closing_ = false;
  std::size_t n_media_bytes_ = 0;  // waiting or being delivered
  std::thread writer_;
};

}  // namespace ranklog::tracking
