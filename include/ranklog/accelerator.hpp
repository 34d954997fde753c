// The front door: one Accelerator per run and process.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "ranklog/collectives.hpp"
#include "ranklog/communicator.hpp"
#include "ranklog/config.hpp"
#include "ranklog/device.hpp"
#include "ranklog/distribution.hpp"
#include "ranklog/logger.hpp"
#include "ranklog/media.hpp"
#include "ranklog/progress_bar.hpp"
#include "ranklog/project_configuration.hpp"
#include "ranklog/reduction.hpp"
#include "ranklog/source_location.hpp"
#include "ranklog/tracker.hpp"
#include "ranklog/tracker_handle.hpp"
#include "ranklog/tracker_options.hpp"
#include "ranklog/value.hpp"
#include "ranklog/watchdog.hpp"

namespace ranklog {

// Every member of an options struct has an initialiser, so that -Wextra lets callers name only
// those they need: {.log_with = "hdf5"}.
// Whether ranklog logs what it costs.
enum class OwnCostMetrics : std::uint8_t {
  off,
  // Once per `window_rows` calls of log(), and at each flush() and end_training(), each rank logs
  // the seconds that it spent inside log() and flush() since the last time as `ranklog/overhead_s`
  // (maximum over the ranks, mean beside it), and the messages and bytes that it sent to other
  // ranks for log() as `ranklog/messages_sent` and `ranklog/bytes_sent` (sums). The steps of these
  // are 0, 1, 2, ... Costs two readings of a clock per call.
  per_window,
};

// Whether ranklog logs how busy the GPUs are.
enum class GpuMetrics : std::uint8_t {
  off,
  // A thread of its own asks NVML once per flush_interval, and each rank with a GPU logs, with
  // every `window_rows`-th call of log(), `ranklog/gpu_utilization` [%], `ranklog/gpu_memory_used`
  // [By], `ranklog/gpu_power` [W] and `ranklog/gpu_temperature` [Cel], each the mean over the
  // ranks with extremes. Where NVML is not found it says so once and logs nothing.
  per_window,
};

struct AcceleratorOptions {
  TrackerSelection log_with = {};               // none: every tracking call is a no-op
  std::optional<std::string> project_dir = {};  // fills project_config where it is empty
  std::optional<ProjectConfiguration> project_config = {};
  Communicator communicator = {};  // default: all processes of the job
  std::string label = {};          // names this group of ranks in messages, e.g. "ensemble-3"
  std::chrono::milliseconds flush_interval{1000};  // a rank sends what it has at least this often
  // How long end_training() waits for trackers that talk to a server; what is not delivered by then
  // is named in the closing summary.
  std::chrono::milliseconds remote_deadline{60000};
  OwnCostMetrics own_cost = OwnCostMetrics::off;
  int window_rows = 64;  // rows that a rank collects before it sends them on; 1 to 1,000,000
  WatchdogOptions watchdog = {};
  DevicePath device_path = DevicePath::staged;  // of whole device tensors
  GpuMetrics gpu_metrics = GpuMetrics::off;
  // Signals that ask the job to stop, as schedulers send before they end it: see should_stop().
  std::vector<int> stop_on_signals = {};
};

// What to do when there is no run to resume.
enum class IfMissing : std::uint8_t { fail, create };

// Continues a run that is there: the next attempt at it. Rows that earlier attempts recorded at
// `from_step` and later are put aside, and this attempt logs at `from_step` and later, so that
// every metric stays one continuous series. See docs/guide.md, "Resuming".
struct Resume {
  std::optional<std::int64_t> from_step = {};  // default: after the last recorded step
  IfMissing if_missing = IfMissing::fail;

  // Resumes the run if it is there, else begins it: the same program text for every attempt.
  [[nodiscard]] static Resume automatic(std::optional<std::int64_t> from_step = std::nullopt) {
    return {from_step, IfMissing::create};
  }
};

struct InitOptions {
  // Default: job id of the scheduler, else date and time; see run_name().
  std::string run_name = {};
  std::optional<Resume> resume = {};  // default: a new run, never one that is there
  // By tracker name; unknown names are ignored, unknown options of a tracker are an error.
  std::map<std::string, Config> tracker_options = {};
  // The same with types. An option that is given here and in the map is an error.
  TensorBoardOptions tensorboard = {};
  DvcliveOptions dvclive = {};
  Hdf5Options hdf5 = {};
  WandbOptions wandb = {};
  MlflowOptions mlflow = {};
  AimOptions aim = {};
  ClearmlOptions clearml = {};
  CometOptions comet_ml = {};
};

// Who takes part in a call of log().
enum class Scope : std::uint8_t {
  all_ranks,     // values are reduced over the ranks that log the key at that step
  main_process,  // rank 0's values alone; other ranks return at once
};

struct LogOptions {
  Scope scope = Scope::all_ranks;
  std::map<std::string, Config> tracker_options = {};  // by tracker name; unknown names are ignored
};

struct MediaOptions {
  std::map<std::string, Config> tracker_options = {};  // by tracker name; unknown names are ignored
};

// See docs/guide.md. Collective calls must be made by all ranks of the communicator, in the same
// order. Thread safety: one thread at a time; MPI is called on that thread only.
class Accelerator {
 public:
  // Collective. Resolves `log_with`; trackers start in init_trackers.
  // Errors, on all ranks alike: UnknownTrackerError, TrackerUnavailableError,
  // MissingLoggingDirError, LaunchMismatchError, UsageError, CommunicationError.
  explicit Accelerator(AcceleratorOptions options = {});
  // Collective: does what end_training() does if that was forgotten; never throws. During stack
  // unwinding the run is marked failed.
  ~Accelerator();
  Accelerator(const Accelerator&) = delete;
  Accelerator& operator=(const Accelerator&) = delete;

  // Collective. Builds the run directory and all trackers, starts all, then gives `config` to
  // each. Without a config nothing is stored; an empty one is stored.
  // Errors, on all ranks alike: UsageError (second call; nothing to resume), InvalidNameError,
  // DirectoryError, RunExistsError, RunInUseError (another job records to the run; says which),
  // TrackerFailedError.
  void init_trackers(std::string_view project_name);
  void init_trackers(std::string_view project_name, const Config& config,
                     const InitOptions& options = {});
  void init_trackers(std::string_view project_name, std::nullopt_t no_config,
                     const InitOptions& options = {});

  // Logs this rank's values at `step`. Collective in the sense of DESIGN contract 2: ranks match
  // rows by step and key, may log different keys, more or fewer rows, or nothing. Copies and
  // returns; it waits only while 64 MiB of this rank's rows are untaken by its parent in the tree.
  // Without a step, rows of a key are numbered 0, 1, 2, ...
  // Errors, on this rank at once: UsageError (before init_trackers, after end_training),
  // InvalidKeyError, InvalidValueError, InvalidStepError, ConflictError (a key's type, reduction
  // or use of steps changed). Disagreement between ranks is thrown by the next flush() or
  // end_training(), on all ranks alike. A call that throws logs nothing.
  // Complexity: one message up a binomial tree of ranks per `window_rows` calls, or flush_interval.
  void log(const Values& values, std::optional<std::int64_t> step = std::nullopt,
           const LogOptions& options = {}, SourceLocation where = SourceLocation::current());

  // Media of the main process: not collective, and on other ranks the calls do nothing. They are
  // copied and delivered in order with what rank 0 logs; a tracker without a place for them says
  // so once. Without a step, the images of a key are numbered 0, 1, 2, ...
  //   accelerator.log_images({{"samples", ranklog::Image(28, 28, 1, pixels)}}, step);
  // Errors, on rank 0 at once: UsageError (before init_trackers, after end_training),
  // InvalidKeyError, InvalidStepError. Complexity: O(bytes) are kept until they are delivered; the
  // call waits while local trackers have 256 MiB of media undelivered; remote ones drop and count.
  void log_images(const std::vector<ImageItem>& images,
                  std::optional<std::int64_t> step = std::nullopt,
                  const MediaOptions& options = {});
  void log_table(std::string_view key, const Table& table,
                 std::optional<std::int64_t> step = std::nullopt, const MediaOptions& options = {});
  void log_histogram(std::string_view key, const Histogram& histogram,
                     std::optional<std::int64_t> step = std::nullopt,
                     const MediaOptions& options = {});
  void log_figure(const Figure& figure, std::optional<std::int64_t> step = std::nullopt,
                  const MediaOptions& options = {});
  // The file or folder at `path` is read when it is delivered: leave it until flush() returned.
  // Errors, on rank 0: IoError if there is none, InvalidNameError for an artifact_path that is not
  // a relative path without `..`.
  void log_artifact(const std::filesystem::path& path, std::string_view artifact_path = {},
                    const MediaOptions& options = {});

  // Collective, waiting: returns when all that was logged by all ranks is with the trackers.
  // Errors, on all ranks alike: ConflictError for what the ranks disagreed on since the last one.
  void flush();

  // Declares how a key is reduced, its unit and name. Call on every rank that logs the key,
  // before it does. Errors: InvalidKeyError, ConflictError if declared or logged differently.
  void define_metric(std::string_view key, const MetricOptions& options);

  // The tracker of that name, to reach what is special to it. On other ranks, before
  // init_trackers and after end_training: a null tracker whose methods do nothing.
  // Errors, on every rank alike: UnknownTrackerError for a name that was not selected.
  [[nodiscard]] TrackerHandle get_tracker(std::string_view name);

  // Collective, waiting: delivers what is left, finishes all trackers. Idempotent.
  // Errors, on all ranks alike: ConflictError as flush(), after everything was finished.
  void end_training();

  // Names in the order of delivery. log_with(): as selected. trackers(): those that run on this
  // rank, so empty before init_trackers, after end_training and, usually, on ranks above 0.
  [[nodiscard]] std::vector<std::string> log_with() const;
  [[nodiscard]] std::vector<std::string> trackers() const;

  [[nodiscard]] std::optional<std::string> project_dir() const;
  [[nodiscard]] std::optional<std::string> logging_dir() const;
  [[nodiscard]] int save_iteration() const noexcept;
  // Of the current run; empty before init_trackers. The same on all ranks.
  [[nodiscard]] const std::string& run_name() const noexcept;
  [[nodiscard]] std::string run_directory() const;
  // Which attempt at the run this is, from 0, and the step that it starts at: 0, or where a resumed
  // run goes on. log() refuses lower steps. The same on all ranks; 0 before init_trackers.
  [[nodiscard]] int attempt() const noexcept;
  [[nodiscard]] std::int64_t first_step() const noexcept;

  // Process helpers. Not collective unless said.
  [[nodiscard]] int process_index() const noexcept;
  [[nodiscard]] int local_process_index() const noexcept;
  [[nodiscard]] int num_processes() const noexcept;
  [[nodiscard]] bool is_main_process() const noexcept { return process_index() == 0; }
  [[nodiscard]] bool is_local_main_process() const noexcept { return local_process_index() == 0; }
  [[nodiscard]] bool is_last_process() const noexcept {
    return process_index() == num_processes() - 1;
  }
  // "cpu", or "cuda:1" where CUDA is compiled in and device 1 is current on the calling thread.
  [[nodiscard]] std::string device() const;
  // Makes one of this node's GPUs current on the calling thread and returns its number: the ranks
  // of a node take them in turn, several ranks share one where there are more ranks than GPUs.
  // Local. Errors: DeviceError where CUDA is not compiled in or this rank sees no GPU.
  int select_device();

  // Wrap a function so that only some ranks run it. On the others the wrapper returns nullopt
  // (or nothing, for a function without a result).
  template <class F>
  [[nodiscard]] auto on_main_process(F function) const {
    return run_if(is_main_process(), std::move(function));
  }
  template <class F>
  [[nodiscard]] auto on_local_main_process(F function) const {
    return run_if(is_local_main_process(), std::move(function));
  }
  template <class F>
  [[nodiscard]] auto on_last_process(F function) const {
    return run_if(is_last_process(), std::move(function));
  }
  template <class F>
  [[nodiscard]] auto on_process(F function, int wanted_process_index) const {
    return run_if(process_index() == wanted_process_index, std::move(function));
  }
  template <class F>
  [[nodiscard]] auto on_local_process(F function, int wanted_local_process_index) const {
    return run_if(local_process_index() == wanted_local_process_index, std::move(function));
  }

  // Collective. Runs `body` on the main process first, then on the others at once. If the main
  // process throws, the others run their part all the same and each rank keeps its own exception.
  void main_process_first(const std::function<void()>& body) const;
  void local_main_process_first(const std::function<void()>& body) const;

  // Collective: returns when all ranks have called it.
  void wait_for_everyone() const;
  // Prints once per node, on its first rank.
  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) const {
    if (is_local_main_process()) print_line(fmt::format(format, std::forward<Args>(args)...));
  }
  [[nodiscard]] Logger get_logger(std::string name) const;
  [[nodiscard]] std::unique_ptr<ProgressBar> progress_bar(std::int64_t total,
                                                          std::string label) const;

  // Collective: set_trigger() is local, check_trigger() is true on all ranks if any rank set it
  // since the last check, and resets it.
  void set_trigger() noexcept;
  [[nodiscard]] bool check_trigger();

  // Collective: true on all ranks, in the same call, once any rank got one of `stop_on_signals` or
  // called request_stop(); it stays true. Complexity: one all_reduce of 8 bytes until then, none
  // after. Handlers the program had installed before run too; they are back after end_training().
  [[nodiscard]] bool should_stop();
  // Local; may be called from any thread.
  void request_stop() noexcept;

  // Blocking collectives on the calling rank's data (collectives.hpp), e.g. for evaluation.
  // A local failure becomes the same error on all ranks.
  template <class T>
  [[nodiscard]] auto gather(const T& value) const {
    return collectives::gather(helpers(), value);
  }
  template <class T>
  [[nodiscard]] std::vector<T> gather_for_metrics(const std::vector<T>& values,
                                                  std::int64_t n_samples_in_batch) const {
    return collectives::gather_for_metrics(helpers(), values, n_samples_in_batch);
  }
  template <class T>
  [[nodiscard]] T reduce(const T& value, Reduction reduction = Reduction::sum,
                         double scale = 1.0) const {
    return collectives::reduce(helpers(), value, reduction, scale);
  }
  template <class T>
  [[nodiscard]] std::vector<T> pad_across_processes(
      std::vector<T> values, T pad_value = T{},
      collectives::PadSide side = collectives::PadSide::back) const {
    return collectives::pad_across_processes(helpers(), std::move(values), pad_value, side);
  }

  // Whole device tensors, element by element over the ranks, from `values` to `result`, which is
  // the same memory or does not overlap. Collective, waiting: for the work that is in both streams
  // and for the other ranks; on return the result is there. Reductions and NaN as reduce() above;
  // in rank order, reals in double, integers in int64, which stops at its ends, so the bits do not
  // depend on the path (DevicePath).
  // Errors, on all ranks alike: DeviceError (not compiled in, not device memory, another device
  // than the stream's, ...), UsageError, ShapeMismatchError naming each rank's type and length.
  // Complexity: each rank sends and receives twice the tensor less its own part.
  void reduce(const DeviceSpan& values, const DeviceBuffer& result,
              Reduction reduction = Reduction::sum, double scale = 1.0) const;
  // The ranks' tensors one after the other, in rank order; lengths may differ. Returns how many
  // elements that are. Collective, waiting; errors as above, UsageError if `result` is too short.
  std::size_t gather(const DeviceSpan& values, const DeviceBuffer& result) const;

  // Queues passes over this rank's tensor behind the work in its stream and returns; local.
  // Errors, on this rank: DeviceError.
  [[nodiscard]] PendingDistribution start_distribution(const DeviceSpan& values) const;
  // Collective, waiting: the distribution over all ranks. Call it some steps later, and neither
  // the host nor the device waits for the other. Complexity: one all_reduce of 33 kB.
  // Errors, on all ranks alike: DeviceError.
  [[nodiscard]] Distribution finish_distribution(PendingDistribution pending) const;

  class Impl;

 private:
  template <class F>
  static auto run_if(bool is_wanted, F function) {
    return [is_wanted, function = std::move(function)](auto&&... args) mutable {
      using Result = std::invoke_result_t<F&, decltype(args)...>;
      if constexpr (std::is_void_v<Result>) {
        if (is_wanted) std::invoke(function, std::forward<decltype(args)>(args)...);
      } else {
        std::optional<Result> result;
        if (is_wanted) result.emplace(std::invoke(function, std::forward<decltype(args)>(args)...));
        return result;
      }
    };
  }
  void print_line(std::string_view line) const;
  [[nodiscard]] const Communicator& helpers() const noexcept;

  std::unique_ptr<Impl> impl_;
};

}  // namespace ranklog
