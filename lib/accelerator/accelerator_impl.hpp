// The state behind Accelerator.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "accelerator/device_rows.hpp"
#include "accelerator/logger_state.hpp"
#include "accelerator/recorder.hpp"
#include "accelerator/run_directory.hpp"
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
  void define_metric(std::string_view key, const MetricOptions& options);
  [[nodiscard]] TrackerHandle get_tracker(std::string_view name);
  // As Accelerator::end_training; `failure` when this rank leaves by an exception.
  void end_training(const std::optional<reduce::RankFailure>& failure);

  enum class Phase { before_init, running, ended };

  Communicator comm;     // of the exchange alone
  Communicator helpers;  // of the blocking helpers, so that their order is their own
  Communicator node;
  ProjectConfiguration project;
  tracking::ResolvedSelection selection;
  RunDirectory run;
  Phase phase = Phase::before_init;
  bool has_trigger = false;
  std::vector<std::weak_ptr<Logger::State>> loggers;  // they borrow `helpers`

 private:
  void check_running(std::string_view call) const;
  void start_exchange();
  void start_dispatch(std::string_view project_name, const Config* config,
                      const InitOptions& options);
  void create_run(std::string_view project_name, std::string_view run_name);
  void log_now(const Values& values, std::optional<std::int64_t> step, const LogOptions& options,
               const SourceLocation& where);
  void release_device_rows(bool wait);
  void deliver();
  [[nodiscard]] reduce::DrainOutcome drain_until_all_end(
      const std::optional<reduce::RankFailure>& failure);
  void throw_conflicts(const reduce::DrainOutcome& outcome) const;
  void print_summary(const reduce::DrainOutcome& outcome);
  void end_quietly(const std::optional<reduce::RankFailure>& failure) noexcept;
  void report(const std::string& text) const;

  std::string label_;
  int n_exceptions_at_start_;
  int window_rows_;
  std::chrono::milliseconds flush_interval_;
  std::chrono::milliseconds remote_deadline_;
  int finalize_token_ = 0;
  reduce::KeyTable keys_;
  Recorder recorder_;
  DeviceRows device_rows_;
  std::unique_ptr<reduce::Exchange> exchange_;
  std::shared_ptr<tracking::Dispatch> dispatch_;  // null where no tracker runs
};

}  // namespace ranklog
