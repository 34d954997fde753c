#include "accelerator/accelerator_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "accelerator/init_options.hpp"
#include "accelerator/run_start.hpp"
#include "comm/launch_check.hpp"
#include "comm/mpi_environment.hpp"
#include "core/text.hpp"
#include "provenance/process_facts.hpp"
#include "provenance/provenance.hpp"
#include "ranklog/key.hpp"
#include "reduce/agreement.hpp"
#include "tracking/reporter.hpp"

namespace ranklog {
namespace {

Communicator communicator_for(AcceleratorOptions& options) {
  return options.communicator ? std::move(options.communicator) : Communicator::world();
}

// Accelerate's rule: what the configuration says wins; project_dir fills what it leaves open.
ProjectConfiguration project_of(const AcceleratorOptions& options) {
  ProjectConfiguration project = options.project_config.value_or(ProjectConfiguration{});
  if (project.project_dir) {
    if (!project.logging_dir) project.logging_dir = project.project_dir;
  } else if (options.project_dir) {
    project.set_directories(options.project_dir);
  }
  return project;
}

Bytes to_bytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}

std::string broadcast_text(const Communicator& comm, std::string_view text) {
  const Bytes bytes = comm.broadcast(to_bytes(text), 0);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<provenance::DeviceInUse> device_in_use(DeviceTensors& tensors) {
  const auto number = tensors.current_device();
  auto gpu = tensors.current_gpu();
  if (!number || !gpu) return std::nullopt;
  return provenance::DeviceInUse{*number, std::move(*gpu)};
}

// A rank without trackers would not meet the others in init_trackers, and they would wait for it.
void check_same_selection(const Communicator& comm, const tracking::ResolvedSelection& selection) {
  std::string mine;
  for (const auto& selected : selection.trackers) {
    mine += fmt::format("{}'{}'", mine.empty() ? "" : ", ", escape_unprintable(selected.name));
  }
  const std::string of_rank_0 = broadcast_text(comm, mine);
  reduce::agree(comm, [&] {
    if (mine == of_rank_0) return;
    throw UsageError(
        fmt::format("log_with selects [{}] on rank 0 and [{}] on rank {}; pass the "
                    "same trackers on all ranks, those above 0 need not run them",
                    of_rank_0, mine, comm.rank()));
  });
}

}  // namespace

Accelerator::Impl::Impl(AcceleratorOptions options)
    : comm(communicator_for(options)),
      helpers(comm.duplicate()),
      node(helpers.split_by_node()),
      device_tensors(helpers, options.device_path, gpu::open_driver),
      project(project_of(options)),
      label_(std::move(options.label)),
      n_exceptions_at_start_(std::uncaught_exceptions()),
      window_rows_(options.window_rows),
      flush_interval_(options.flush_interval),
      watchdog_(options.watchdog),
      remote_deadline_(options.remote_deadline),
      recorder_(keys_, comm.rank()),
      device_rows_(comm.rank(), gpu::open_driver),
      gpu_metrics_(options.gpu_metrics) {
  if (options.own_cost == OwnCostMetrics::per_window) {
    own_cost.emplace(window_rows_);
    keys_.declare(overhead_key, {.reduce = Reduction::max, .unit = "s"}, comm.rank());
    keys_.declare(messages_sent_key, {.reduce = Reduction::sum, .unit = "1"}, comm.rank());
    keys_.declare(bytes_sent_key, {.reduce = Reduction::sum, .unit = "By"}, comm.rank());
  }
  const auto left_out = tracking::parse_left_out(
      broadcast_text(helpers, tracking::to_text(tracking::left_out_of_all())));
  reduce::agree(helpers, [&] {
    if (comm::is_mpi_usable()) {
      const auto world = comm::world_place();
      comm::check_launch(world.size, world.rank,
                         [](const char* name) { return std::getenv(name); });
    }
    if (window_rows_ < 1 || window_rows_ > 1'000'000) {
      throw UsageError(fmt::format("window_rows is {}; it must be 1 to 1,000,000", window_rows_));
    }
    if (flush_interval_.count() < 0) throw UsageError("flush_interval is negative");
    if (watchdog_.time.count() < 0)
      throw UsageError("watchdog.time is negative; 0 switches it off");
    if (remote_deadline_.count() < 0 || remote_deadline_ > std::chrono::hours(24)) {
      throw UsageError("remote_deadline must be 0 to 24 hours");
    }
    selection = tracking::resolve(options.log_with, project.logging_dir.has_value(), left_out);
    stop_signals.emplace(options.stop_on_signals);
  });
  check_same_selection(helpers, selection);
  if (helpers.rank() == 0 && !selection.note.empty()) report(selection.note);
}

Accelerator::Impl::~Impl() {
  if (finalize_token_ != 0) comm::forget_finalize_callback(finalize_token_);
  std::optional<reduce::RankFailure> failure;
  if (std::uncaught_exceptions() > n_exceptions_at_start_) {
    failure = reduce::RankFailure{helpers.rank(), "it left by an exception"};
  }
  end_quietly(failure);
  for (const auto& logger : loggers) {
    if (const auto state = logger.lock()) state->comm = nullptr;
  }
}

// Where nobody can catch: in destructors and inside MPI_Finalize.
void Accelerator::Impl::end_quietly(const std::optional<reduce::RankFailure>& failure) noexcept {
  try {
    end_training(failure);
  } catch (const std::exception& error) {
    report(fmt::format("rank {}: ending the run failed: {}", helpers.rank(), error.what()));
  }
}

void Accelerator::Impl::report(const std::string& text) const {
  tracking::report(label_.empty() ? text : fmt::format("[{}] {}", label_, text));
}

void Accelerator::Impl::check_running(std::string_view call) const {
  if (phase == Phase::running) return;
  throw UsageError(fmt::format(
      "{} on rank {} {}", call, helpers.rank(),
      phase == Phase::ended ? "after end_training(): the run is closed; make a new Accelerator for "
                              "another run"
                            : "before init_trackers(): call it once, on all ranks, first"));
}

void Accelerator::Impl::init_trackers(std::string_view project_name, const Config* config,
                                      const InitOptions& options) {
  reduce::agree(helpers, [&] {
    if (phase == Phase::before_init) return;
    throw UsageError(
        fmt::format("init_trackers('{}') on rank {} a second time: a run is initialised "
                    "once; make a new Accelerator for another run",
                    escape_unprintable(project_name), helpers.rank()));
  });
  if (!selection.trackers.empty()) {
    create_run(project_name, options);
    try {
      start_dispatch(project_name, config, options);
    } catch (...) {
      forget_run();
      throw;
    }
    start_exchange();
    start_gpu_metrics();
    // After the trackers started: their libraries' exit handlers then run after ours.
    finalize_token_ = comm::call_before_finalize([this] {
      finalize_token_ = 0;
      end_quietly(std::nullopt);
    });
  }
  phase = Phase::running;
}

// A folder that holds nothing would only be in the way of the next try.
void Accelerator::Impl::forget_run() noexcept {
  if (helpers.rank() != 0 || run.path.empty()) return;
  if (is_resumed) {
    lock_.release();
    return;
  }
  lock_.discard();
  std::error_code ignored;
  std::filesystem::remove(run.path, ignored);
}

std::optional<std::int64_t> Accelerator::Impl::next_step(
    const std::filesystem::path& run_dir) const {
  std::optional<std::int64_t> highest;
  for (const auto& selected : selection.trackers) {
    const auto next = selected.tracker->next_step(run_dir);
    if (next) highest = std::max(highest.value_or(0), *next);
  }
  return highest;
}

void Accelerator::Impl::create_run(std::string_view project_name, const InitOptions& options) {
  reduce::agree(helpers, [&] {
    if (helpers.rank() != 0) return;
    validate_path_component(project_name, "project name");
    if (!options.run_name.empty()) validate_path_component(options.run_name, "run name");
    if (project.logging_dir) {
      StartedRun started = start_run(*project.logging_dir, project_name, options,
                                     [this](const auto& run_dir) { return next_step(run_dir); });
      run = std::move(started.directory);
      lock_ = std::move(started.lock);
      attempt = started.attempt;
      is_resumed = started.is_resumed;
      first_step = started.first_step;
    } else if (options.resume) {
      throw UsageError(
          "cannot resume a run without project_dir or logging_dir: that is where it "
          "is looked for");
    } else {
      run.run_id = make_run_id();
      run.run_name = options.run_name.empty()
                         ? default_run_name([](const char* name) { return std::getenv(name); },
                                            std::time(nullptr))
                         : options.run_name;
    }
  });
  run.run_name = broadcast_text(helpers, run.run_name);
  run.run_id = broadcast_text(helpers, run.run_id);
  run.path = broadcast_text(helpers, run.path.string());
  std::array<std::int64_t, 3> start{attempt, is_resumed ? 1 : 0, first_step};
  helpers.all_reduce(std::span(start), Communicator::Op::max);  // the others hold zeros
  attempt = static_cast<std::int32_t>(start[0]);
  is_resumed = start[1] != 0;
  first_step = start[2];
  recorder_.set_first_step(first_step);
}

void Accelerator::Impl::start_dispatch(std::string_view project_name, const Config* config,
                                       const InitOptions& options) {
  device_tensors.choose_early();
  Provenance collected =
      provenance::collect(helpers, label_, node.rank(), device_in_use(device_tensors));
  const auto& ranks = collected.ranks;
  if (std::any_of(ranks.begin(), ranks.end(),
                  [](const auto& one) { return one.device != "cpu"; })) {
    collected.facts.set("device_path", device_tensors.describe_path());
  }
  const auto provenance = std::make_shared<const Provenance>(std::move(collected));
  reduce::agree(helpers, [&] {
    std::vector<tracking::Selected> here;
    for (const auto& selected : selection.trackers) {
      if (helpers.rank() == 0 || !selected.tracker->main_process_only()) here.push_back(selected);
    }
    if (here.empty()) return;
    dispatch_ = std::make_shared<tracking::Dispatch>(
        std::move(here),
        [this](const Values& values, std::optional<std::int64_t> step) {
          return recorder_.to_record(
              recorder_.make_row(values, step, RowKind::direct, SourceLocation{}), 1);
        },
        remote_deadline_);
    const auto tracker_options = all_tracker_options(options);
    const auto context_for = [&](const tracking::Selected& selected) {
      TrackerContext context;
      context.project_name = project_name;
      context.run_name = run.run_name;
      context.run_id = run.run_id;
      if (project.logging_dir) context.logging_dir = *project.logging_dir;
      context.run_dir = run.path;
      context.provenance = provenance;
      if (!selected.is_instance) {
        context.options = tracking::options_of(selected.name, &tracker_options);
      }
      context.rank = helpers.rank();
      context.n_ranks = helpers.size();
      context.attempt = attempt;
      context.is_resumed = is_resumed;
      context.from_step = first_step;
      return context;
    };
    try {
      dispatch_->start(context_for, config);
    } catch (...) {
      dispatch_.reset();
      throw;
    }
  });
}

void Accelerator::Impl::start_exchange() {
  reduce::ExchangeOptions options;
  options.window_rows = window_rows_;
  options.flush_interval_s = std::chrono::duration<double>(flush_interval_).count();
  options.watchdog = watchdog_;
  options.host = provenance::host_name();
  options.report = [this](const std::string& text) { report(text); };
  options.before_abort = [this](const std::string& reason) { finish_before_abort(reason); };
  exchange_ = std::make_unique<reduce::Exchange>(comm, keys_, std::move(options));
  if (dispatch_ && dispatch_->has(tracking::Audience::every_rank)) return;
  fast_log_ = std::make_unique<FastLog>(keys_, *exchange_, helpers.rank());
}

// The trackers keep what they have: what they were given last, and why the run failed.
void Accelerator::Impl::finish_before_abort(const std::string& reason) noexcept {
  try {
    deliver();
    if (dispatch_) dispatch_->finish({RunStatus::failed, reason});
  } catch (const std::exception& error) {
    report(fmt::format("rank {}: finishing the trackers failed: {}", helpers.rank(), error.what()));
  }
}

void Accelerator::Impl::define_metric(std::string_view key, const MetricOptions& options) {
  validate_key(key);
  keys_.declare(key, options, helpers.rank());
}

void Accelerator::Impl::flush() {
  check_running("flush()");
  if (!exchange_) return;
  release_device_rows(true);
  if (own_cost) log_own_cost();
  // Other ranks' trackers before they say that they are done, rank 0's before it lets them go.
  if (dispatch_ && helpers.rank() != 0) dispatch_->flush();
  throw_conflicts(exchange_->drain(reduce::DrainReason::flush, std::nullopt,
                                   [this](const reduce::DrainOutcome&) {
                                     deliver();
                                     if (dispatch_) dispatch_->flush();
                                   }));
}

void Accelerator::Impl::end_training(const std::optional<reduce::RankFailure>& failure) {
  if (phase != Phase::running) return;
  phase = Phase::ended;
  if (!exchange_) {
    stop_signals.reset();
    return;
  }
  gpu_sampler_.reset();
  release_device_rows(true);
  if (own_cost) log_own_cost();
  const auto outcome = drain_until_all_end(failure);
  if (dispatch_ && helpers.rank() != 0) dispatch_->finish(run_outcome(outcome));
  print_summary(outcome);
  dispatch_.reset();
  fast_log_.reset();
  lock_.release();
  stop_signals.reset();
  exchange_->close();
  exchange_.reset();
  throw_conflicts(outcome);
}

RunOutcome Accelerator::Impl::run_outcome(const reduce::DrainOutcome& outcome) const {
  if (!outcome.failure && is_stopped_by_signal) {
    return {RunStatus::completed, "a signal asked the job to stop, and it did"};
  }
  if (!outcome.failure) return {};
  return {RunStatus::failed,
          fmt::format("rank {}: {}", outcome.failure->rank, outcome.failure->reason)};
}

// Other ranks may flush before they end; this rank goes along with each of those flushes.
reduce::DrainOutcome Accelerator::Impl::drain_until_all_end(
    const std::optional<reduce::RankFailure>& failure) {
  std::vector<reduce::Conflict> conflicts;
  while (true) {
    if (dispatch_ && helpers.rank() != 0) dispatch_->flush();
    auto outcome = exchange_->drain(reduce::DrainReason::end, failure,
                                    [this](const reduce::DrainOutcome& drained) {
                                      deliver();
                                      if (!dispatch_) return;
                                      if (drained.are_all_ending) {
                                        dispatch_->finish(run_outcome(drained));
                                      } else {
                                        dispatch_->flush();
                                      }
                                    });
    conflicts.insert(conflicts.end(), outcome.conflicts.begin(), outcome.conflicts.end());
    if (outcome.are_all_ending) {
      outcome.conflicts = std::move(conflicts);
      return outcome;
    }
  }
}

void Accelerator::Impl::throw_conflicts(const reduce::DrainOutcome& outcome) const {
  if (outcome.conflicts.empty()) return;
  std::string text = "the ranks disagree: " + outcome.conflicts.front().text;
  if (outcome.conflicts.size() > 1) {
    text += fmt::format(" (and {} more)", outcome.conflicts.size() - 1);
  }
  throw ConflictError(text +
                      "; log a key with one type, one reduction and one declaration, and with "
                      "steps on all ranks or none");
}

void Accelerator::Impl::print_summary(const reduce::DrainOutcome& outcome) {
  if (dispatch_) {
    for (const auto& line : dispatch_->failures()) {
      report(fmt::format("rank {}: {}", helpers.rank(), line));
    }
  }
  if (exchange_->is_cut_off_alone()) {
    report(
        fmt::format("rank {}: the run went on without this rank, or rank 0 did not come back; {} "
                    "of its rows are not recorded",
                    helpers.rank(), exchange_->n_not_taken()));
  }
  if (watchdog_.policy == WatchdogPolicy::carry_on && helpers.rank() == 0) {
    for (const auto& line : reduce::describe_gaps(exchange_->said(), helpers.size())) report(line);
  }
  if (helpers.rank() == 0 && outcome.n_late_parts > 0) {
    report(
        fmt::format("{} values came after the rows of their step had gone, at a flush() or after "
                    "a wait of 30 s; they stand as rows of their own with their own count",
                    outcome.n_late_parts));
  }
}

tracking::Dispatch* Accelerator::Impl::dispatch_of_media(std::string_view call) const {
  check_running(call);
  return helpers.rank() == 0 ? dispatch_.get() : nullptr;
}

TrackerHandle Accelerator::Impl::get_tracker(std::string_view name) {
  const auto& selected = selection.trackers;
  const bool is_selected = std::any_of(selected.begin(), selected.end(),
                                       [&](const auto& entry) { return entry.name == name; });
  if (!selected.empty() && !is_selected) {
    throw UnknownTrackerError(fmt::format(
        "get_tracker('{}'): no such tracker was selected by log_with", escape_unprintable(name)));
  }
  if (dispatch_) {
    const auto& here = dispatch_->trackers();
    for (std::size_t i = 0; i < here.size(); ++i) {
      if (here[i].name == name) return TrackerHandle(std::string(name), dispatch_, i);
    }
  }
  TrackerHandle null_handle(std::string(name), {}, 0);
  return null_handle;
}

}  // namespace ranklog
