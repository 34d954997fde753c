// The interface of a tracker, and how trackers are named, registered and selected.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>
#include <variant>
#include <vector>

#include "ranklog/config.hpp"
#include "ranklog/error.hpp"
#include "ranklog/media.hpp"
#include "ranklog/provenance.hpp"
#include "ranklog/record.hpp"

namespace ranklog {

struct RecordBlock;

// What a tracker is told when it starts.
struct TrackerContext {
  std::string project_name;
  std::string run_name;
  std::string run_id;                 // unique: 16 hex digits; a resumed run keeps its own
  std::filesystem::path logging_dir;  // empty when none was given
  std::filesystem::path
      run_dir;  // <logging_dir>/<project>/<run>; exists; empty when no logging_dir
  std::shared_ptr<const Provenance> provenance;
  Config options;  // this tracker's entry of InitOptions::tracker_options
  std::int32_t rank = 0;
  std::int32_t n_ranks = 1;
  // A resumed run continues what earlier attempts recorded in `run_dir` or under `run_id`. Their
  // rows at steps >= from_step no longer count; all that is logged now is at from_step or later.
  std::int32_t attempt = 0;  // 0: the first
  bool is_resumed = false;
  std::int64_t from_step = 0;  // of a resumed run
  double start_time = 0;       // of the run, seconds since the Unix epoch; 0: now
  // `ranklog sync` delivers a recorded run. What may have arrived before comes again as it was.
  bool is_replay = false;
};

enum class RunStatus : std::uint8_t { running, completed, failed };
[[nodiscard]] std::string_view to_string(RunStatus status) noexcept;

struct RunOutcome {
  RunStatus status = RunStatus::completed;
  std::string reason;   // empty when completed, unless a signal asked for the end
  double end_time = 0;  // seconds since the Unix epoch; 0: now
};

// The thread on which a tracker's methods are called; asked for once, after start().
enum class ThreadAffinity : std::uint8_t {
  writer,  // ranklog's own writer thread; the default, so that a slow tracker does not stop the
           // loop
  caller,  // the thread that calls log(), flush() and end_training()
  sender,  // a thread of this tracker alone, behind a bounded queue: for one that talks to a server
};

// Rows that log() was given and that the server did not confirm.
struct Undelivered {
  std::int64_t n_rows = 0;
  std::int64_t first_step = 0;
  std::string reason;  // e.g. "were not confirmed: connection refused"; empty: no reason is known
};

// A vendor object with its type; made by native_handle().
struct NativeHandle {
  void* object = nullptr;
  const std::type_info* type = nullptr;
};
template <class T>
[[nodiscard]] NativeHandle native_handle(T& object) noexcept {
  return {&object, &typeid(T)};
}

// Base class of every tracker. Subclass it for your own.
//
// One thread at a time calls the methods, in this order: start, store_init_configuration (if a
// configuration was given), the log methods and flush any number of times, finish once. A tracker
// never talks to other ranks. Build cheaply in the constructor and open files or connections in
// start(). An exception from start() makes init_trackers throw on every rank; one from any other
// method is reported, counted and kept from the job and from the other trackers.
//
// A tracker with ThreadAffinity::sender is called on its own thread, except for start(), which
// must not wait for a server. Rows that find its queue full stay in the run file and are counted.
// end_training() waits for it until AcceleratorOptions::remote_deadline, then calls cancel().
class GeneralTracker {
 public:
  GeneralTracker() = default;
  GeneralTracker(const GeneralTracker&) = delete;
  GeneralTracker& operator=(const GeneralTracker&) = delete;
  virtual ~GeneralTracker() = default;

  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual bool requires_logging_directory() const = 0;
  // True: lives on rank 0 and receives the reduced values. False: lives on every rank and
  // receives that rank's own values, unreduced, as soon as they are logged.
  [[nodiscard]] virtual bool main_process_only() const { return true; }
  [[nodiscard]] virtual ThreadAffinity thread_affinity() const { return ThreadAffinity::writer; }

  // Asked before start() when a run is resumed without a step: the step behind the last one that
  // this tracker recorded in `run_dir`, 0 if none. Nothing: it does not know.
  [[nodiscard]] virtual std::optional<std::int64_t> next_step(
      const std::filesystem::path& run_dir) {
    (void)run_dir;
    return std::nullopt;
  }
  virtual void start(const TrackerContext& context) { (void)context; }
  virtual void store_init_configuration(const Config& config) { (void)config; }
  // `options` is this tracker's entry of LogOptions::tracker_options, empty if there is none.
  virtual void log(const Record& record, const Config& options) = 0;
  // True: rows with the same keys whose values are all finite numbers come many at a time through
  // log_block(), the others through log(); rows of one key stay in order. False: all through log().
  // Trackers with ThreadAffinity::sender always get single records.
  [[nodiscard]] virtual bool takes_blocks() const { return false; }
  // See ranklog/record_block.hpp. The block is borrowed until the call returns. Does what log()
  // would do for each row, without options; unless it is overridden, it calls log() for each row.
  virtual void log_block(const RecordBlock& block);
  // Media, in order with the records; `options` as in log(). False: this tracker has no place for
  // them, which is said once and counted in the closing summary.
  [[nodiscard]] virtual bool log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                                        const Config& options) {
    (void)images, (void)when, (void)options;
    return false;
  }
  [[nodiscard]] virtual bool log_table(const std::string& key, const Table& table,
                                       const MediaTime& when, const Config& options) {
    (void)key, (void)table, (void)when, (void)options;
    return false;
  }
  [[nodiscard]] virtual bool log_histogram(const std::string& key, const Histogram& histogram,
                                           const MediaTime& when, const Config& options) {
    (void)key, (void)histogram, (void)when, (void)options;
    return false;
  }
  [[nodiscard]] virtual bool log_figure(const Figure& figure, const MediaTime& when,
                                        const Config& options) {
    (void)figure, (void)when, (void)options;
    return false;
  }
  [[nodiscard]] virtual bool log_artifact(const Artifact& artifact, const MediaTime& when,
                                          const Config& options) {
    (void)artifact, (void)when, (void)options;
    return false;
  }
  // Makes visible to readers what was logged. Called at flush() and, unless on_idle() is
  // overridden, when nothing was logged for a second.
  virtual void flush() {}
  virtual void on_idle() { flush(); }
  // RunStatus::running: delivers all and leaves the run open, because a job goes on recording it.
  virtual void finish(const RunOutcome& outcome) { (void)outcome; }
  // From another thread, for ThreadAffinity::sender: the deadline has passed; makes the call that
  // is under way return soon and later ones at once. finish() is still called.
  virtual void cancel() noexcept {}
  // After flush() or finish(), for ThreadAffinity::sender: of all rows that log() was given, also
  // where it threw. Without a value every row whose log() threw counts as undelivered.
  [[nodiscard]] virtual std::optional<Undelivered> undelivered() const { return std::nullopt; }
  // The vendor object behind the tracker; see TrackerHandle::unwrap.
  [[nodiscard]] virtual NativeHandle native() { return {}; }
};

// The trackers that ranklog knows by name. Not all are part of every build: see
// get_available_trackers().
enum class LoggerType : std::uint8_t {
  all,
  hdf5,
  tensorboard,
  wandb,
  comet_ml,
  aim,
  mlflow,
  clearml,
  dvclive,
  trackio,
  swanlab,
  console,
  jsonl,
  memory,
};
[[nodiscard]] std::string_view to_string(LoggerType type) noexcept;
[[nodiscard]] std::optional<LoggerType> logger_type_from_string(std::string_view name) noexcept;
// All values in declaration order.
[[nodiscard]] std::span<const LoggerType> logger_types() noexcept;

using TrackerFactory = std::function<std::unique_ptr<GeneralTracker>()>;

// Makes a tracker selectable by the name that its instances report. Register before constructing
// the Accelerator, on every rank. Registering a name again replaces it, with a warning.
// Errors: UsageError for an empty name, a name of LoggerType::all, or a factory that returns null.
// Thread safety: none.
void register_tracker(TrackerFactory factory);
template <std::derived_from<GeneralTracker> T>
requires std::default_initializable<T>
void register_tracker_class() {
  register_tracker([] { return std::make_unique<T>(); });
}

// Names that can be selected in this build, built-in ones first, in the order of `"all"`.
[[nodiscard]] std::vector<std::string> get_available_trackers();

// One entry of `log_with`: a name, a LoggerType or an instance.
class TrackerSelector {
 public:
  TrackerSelector(const char* name) : what_(std::string(name)) {}            // NOLINT
  TrackerSelector(std::string_view name) : what_(std::string(name)) {}       // NOLINT
  TrackerSelector(std::string name) : what_(std::move(name)) {}              // NOLINT
  TrackerSelector(LoggerType type) : what_(std::string(to_string(type))) {}  // NOLINT
  template <std::derived_from<GeneralTracker> T>
  TrackerSelector(std::shared_ptr<T> instance)  // NOLINT
      : what_(std::shared_ptr<GeneralTracker>(std::move(instance))) {}

  [[nodiscard]] const std::string* name() const noexcept {
    return std::get_if<std::string>(&what_);
  }
  // Null when the entry is a name.
  [[nodiscard]] std::shared_ptr<GeneralTracker> instance() const noexcept;

 private:
  std::variant<std::string, std::shared_ptr<GeneralTracker>> what_;
};

// The value of `log_with`: nothing, one entry or a list.
class TrackerSelection {
 public:
  TrackerSelection() = default;
  TrackerSelection(std::initializer_list<TrackerSelector> list) : list_(list) {}   // NOLINT
  TrackerSelection(std::vector<TrackerSelector> list) : list_(std::move(list)) {}  // NOLINT
  TrackerSelection(const std::vector<std::string>& names)
      : list_(names.begin(), names.end()) {}  // NOLINT
  template <class T>
  requires std::constructible_from<TrackerSelector, T> TrackerSelection(T one)
      : list_{TrackerSelector(std::move(one))} {}  // NOLINT

  [[nodiscard]] const std::vector<TrackerSelector>& list() const noexcept { return list_; }

 private:
  std::vector<TrackerSelector> list_;
};

}  // namespace ranklog
