// The state behind Accelerator.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "accelerator/device_rows.hpp"
#include "accelerator/device_tensors.hpp"
#include "accelerator/fast_log.hpp"
#include "accelerator/logger_state.hpp"
#include "accelerator/own_cost.hpp"
#include "accelerator/recorder.hpp"
#include "accelerator/run_directory.hpp"
#include "accelerator/run_lock.hpp"
#include "accelerator/stop_signals.hpp"
#include "device/gpu_sampler.hpp"
#include "ranklog/accelerator.hpp"
#include "reduce/exchange.hpp"
#include "tracking/dispatch.hpp"

namespace ranklog {

class Accelerator::Impl {
 public:
  explicit Impl(AcceleratorOptions options);
  ~Impl();

  void init_trackers(std::string_view project_name, const Config* config,
                     const InitOptions& options);
  void log(const Values& values, std::optional<std::int64_t> step, const LogOptions& options,
           const SourceLocation& where);
  void flush();
  // Logs what this window cost.
  void log_own_cost();
  void define_metric(std::string_view key, const MetricOptions& options);
  [[nodiscard]] TrackerHandle get_tracker(std::string_view name);
  // Where this rank's media go: null on other ranks than the first and without trackers.
  // Errors: UsageError naming `call` before init_trackers and after end_training.
  [[nodiscard]] tracking::Dispatch* dispatch_of_media(std::string_view call) const;
  // As Accelerator::end_training; `failure` when this rank leaves by an exception.
  void end_training(const std::optional<reduce::RankFailure>& failure);

  enum class Phase { before_init, running, ended };

  Communicator comm;     // of the exchange alone
  Communicator helpers;  // of the blocking helpers, so that their order is their own
  Communicator node;
  DeviceTensors device_tensors;  // talks through `helpers`
  ProjectConfiguration project;
  tracking::ResolvedSelection selection;
  RunDirectory run;
  Phase phase = Phase::before_init;
  bool has_trigger = false;
  std::optional<OwnCost> own_cost;  // none: off
  std::int32_t attempt = 0;
  bool is_resumed = false;
  std::int64_t first_step = 0;
  std::optional<StopSignals> stop_signals;  // until end_training
  std::atomic<bool> is_stop_requested{false};
  bool is_stop_agreed = false;
  bool is_stopped_by_signal = false;                  // agreed, too
  std::vector<std::weak_ptr<Logger::State>> loggers;  // they borrow `helpers`

 private:
  void check_running(std::string_view call) const;
  void start_exchange();
  void start_dispatch(std::string_view project_name, const Config* config,
                      const InitOptions& options);
  void create_run(std::string_view project_name, const InitOptions& options);
  void forget_run() noexcept;
  [[nodiscard]] std::optional<std::int64_t> next_step(const std::filesystem::path& run_dir) const;
  void log_row(const Values& values, std::optional<std::int64_t> step, const LogOptions& options,
               const SourceLocation& where);
  // True if the row was one for FastLog and was taken.
  [[nodiscard]] bool log_short(const Values& values, std::optional<std::int64_t> step,
                               const LogOptions& options);
  void hold_row(const Values& values, std::optional<std::int64_t> step, const LogOptions& options,
                const SourceLocation& where);
  void release_device_rows(bool wait);
  void start_gpu_metrics();
  void log_gpu_metrics();
  void deliver();
  void deliver_blocks();
  void report_warnings();
  [[nodiscard]] PooledBlock finished(const reduce::Block& block);
  [[nodiscard]] reduce::DrainOutcome drain_until_all_end(
      const std::optional<reduce::RankFailure>& failure);
  void throw_conflicts(const reduce::DrainOutcome& outcome) const;
  void print_summary(const reduce::DrainOutcome& outcome);
  [[nodiscard]] RunOutcome run_outcome(const reduce::DrainOutcome& outcome) const;
  void finish_before_abort(const std::string& reason) noexcept;
  void end_quietly(const std::optional<reduce::RankFailure>& failure) noexcept;
  void report(const std::string& text) const;

  std::string label_;
  int n_exceptions_at_start_;
  int window_rows_;
  std::chrono::milliseconds flush_interval_;
  WatchdogOptions watchdog_;
  std::chrono::milliseconds remote_deadline_;
  int finalize_token_ = 0;
  RunLock lock_;  // rank 0
  reduce::KeyTable keys_;
  Recorder recorder_;
  DeviceRows device_rows_;
  GpuMetrics gpu_metrics_;
  std::unique_ptr<gpu::GpuSampler> gpu_sampler_;  // null: no GPU, no NVML, or off
  int n_calls_since_gpu_metrics_ = 0;
  std::unique_ptr<reduce::Exchange> exchange_;
  std::unique_ptr<FastLog> fast_log_;        // null where every rank has trackers of its own
  std::vector<reduce::RowOrBlock> settled_;  // scratch of deliver()
  tracking::Blocks blocks_;
  std::vector<std::shared_ptr<RecordBlockPool>> block_pools_;  // index: ShapeId
  std::shared_ptr<tracking::Dispatch> dispatch_;               // null where no tracker runs
};

}  // namespace ranklog
