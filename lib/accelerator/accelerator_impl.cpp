#include "accelerator/accelerator_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <system_error>

#include "comm/launch_check.hpp"
#include "comm/mpi_environment.hpp"
#include "core/text.hpp"
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
      project(project_of(options)),
      label_(std::move(options.label)),
      n_exceptions_at_start_(std::uncaught_exceptions()),
      window_rows_(options.window_rows),
      flush_interval_(options.flush_interval),
      remote_deadline_(options.remote_deadline),
      recorder_(keys_, comm.rank()),
      device_rows_(comm.rank(), gpu::make_driver) {
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
    if (remote_deadline_.count() < 0 || remote_deadline_ > std::chrono::hours(24)) {
      throw UsageError("remote_deadline must be 0 to 24 hours");
    }
    selection = tracking::resolve(options.log_with, project.logging_dir.has_value());
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
    create_run(project_name, options.run_name);
    try {
      start_dispatch(project_name, config, options);
    } catch (...) {
      // A folder that holds nothing would only be in the way of the next try.
      std::error_code ignored;
      if (helpers.rank() == 0 && !run.path.empty()) std::filesystem::remove(run.path, ignored);
      throw;
    }
    start_exchange();
    // After the trackers started: their libraries' exit handlers then run after ours.
    finalize_token_ = comm::call_before_finalize([this] {
      finalize_token_ = 0;
      end_quietly(std::nullopt);
    });
  }
  phase = Phase::running;
}

void Accelerator::Impl::create_run(std::string_view project_name, std::string_view run_name) {
  reduce::agree(helpers, [&] {
    if (helpers.rank() != 0) return;
    validate_path_component(project_name, "project name");
    if (!run_name.empty()) validate_path_component(run_name, "run name");
    if (project.logging_dir) {
      run = create_run_directory(*project.logging_dir, project_name, run_name);
    } else {
      run.run_id = make_run_id();
      run.run_name = run_name.empty()
                         ? default_run_name([](const char* name) { return std::getenv(name); },
                                            std::time(nullptr))
                         : std::string(run_name);
    }
  });
  run.run_name = broadcast_text(helpers, run.run_name);
  run.run_id = broadcast_text(helpers, run.run_id);
  run.path = broadcast_text(helpers, run.path.string());
}

void Accelerator::Impl::start_dispatch(std::string_view project_name, const Config* config,
                                       const InitOptions& options) {
  const auto provenance =
      std::make_shared<const Provenance>(provenance::collect(helpers, label_, node.rank()));
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
    const auto context_for = [&](const tracking::Selected& selected) {
      TrackerContext context;
      context.project_name = project_name;
      context.run_name = run.run_name;
      context.run_id = run.run_id;
      if (project.logging_dir) context.logging_dir = *project.logging_dir;
      context.run_dir = run.path;
      context.provenance = provenance;
      const auto own = options.tracker_options.find(selected.name);
      if (own != options.tracker_options.end() && !selected.is_instance)
        context.options = own->second;
      context.rank = helpers.rank();
      context.n_ranks = helpers.size();
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
  options.report = [this](const std::string& text) { report(text); };
  exchange_ = std::make_unique<reduce::Exchange>(comm, keys_, std::move(options));
}

void Accelerator::Impl::define_metric(std::string_view key, const MetricOptions& options) {
  keys_.declare(key, options, helpers.rank());
}

void Accelerator::Impl::log(const Values& values, std::optional<std::int64_t> step,
                            const LogOptions& options, const SourceLocation& where) {
  check_running("log()");
  if (!exchange_) return;  // log_with was empty
  const bool is_main_only = options.scope == Scope::main_process;
  if (is_main_only && helpers.rank() != 0) return;
  if (device_rows_.must_hold(values)) {
    device_rows_.hold(values, step, options, where);
    release_device_rows(false);
  } else {
    log_now(values, step, options, where);
  }
}

void Accelerator::Impl::release_device_rows(bool wait) {
  device_rows_.release(
      wait,
      [this](const HeldRow& row) { log_now(row.values(), row.step(), row.options(), row.where()); },
      [this](const std::string& text) { report(text); });
}

void Accelerator::Impl::log_now(const Values& values, std::optional<std::int64_t> step,
                                const LogOptions& options, const SourceLocation& where) {
  const bool is_main_only = options.scope == Scope::main_process;
  auto row =
      recorder_.make_row(values, step, is_main_only ? RowKind::main_only : RowKind::reduced, where);
  for (auto& conflict : recorder_.take_conflicts()) exchange_->add_conflict(std::move(conflict));
  if (row.cells.empty()) return;
  std::shared_ptr<const tracking::TrackerOptions> tracker_options;
  if (!options.tracker_options.empty()) {
    tracker_options = std::make_shared<const tracking::TrackerOptions>(options.tracker_options);
  }
  using tracking::Audience;
  if (is_main_only || (dispatch_ && dispatch_->has(Audience::every_rank))) {
    const auto own = std::make_shared<const Record>(recorder_.to_record(row, 1));
    if (is_main_only) dispatch_->submit(own, tracker_options, Audience::main_process);
    dispatch_->submit(own, tracker_options, Audience::every_rank);
  }
  if (!is_main_only) {
    row.caller_options = tracker_options;
    exchange_->submit(std::move(row));
  }
  deliver();
}

void Accelerator::Impl::deliver() {
  if (!dispatch_ || helpers.rank() != 0) return;
  for (const auto& row : exchange_->take_settled()) {
    dispatch_->submit(std::make_shared<const Record>(recorder_.to_record(row, helpers.size())),
                      std::static_pointer_cast<const tracking::TrackerOptions>(row.caller_options),
                      tracking::Audience::main_process);
  }
  for (const auto& warning : recorder_.take_warnings()) report(warning);
}

void Accelerator::Impl::flush() {
  check_running("flush()");
  if (!exchange_) return;
  release_device_rows(true);
  const auto outcome = exchange_->drain(reduce::DrainReason::flush);
  deliver();
  if (dispatch_) dispatch_->flush();
  helpers.barrier();
  throw_conflicts(outcome);
}

void Accelerator::Impl::end_training(const std::optional<reduce::RankFailure>& failure) {
  if (phase != Phase::running) return;
  phase = Phase::ended;
  if (!exchange_) return;
  release_device_rows(true);
  const auto outcome = drain_until_all_end(failure);
  RunOutcome how;
  if (outcome.failure) {
    how = {RunStatus::failed,
           fmt::format("rank {}: {}", outcome.failure->rank, outcome.failure->reason)};
  }
  if (dispatch_) {
    dispatch_->finish(how);
    print_summary(outcome);
    dispatch_.reset();
  }
  exchange_.reset();
  helpers.barrier();
  throw_conflicts(outcome);
}

// Other ranks may flush before they end; this rank goes along with each of those flushes.
reduce::DrainOutcome Accelerator::Impl::drain_until_all_end(
    const std::optional<reduce::RankFailure>& failure) {
  std::vector<reduce::Conflict> conflicts;
  while (true) {
    auto outcome = exchange_->drain(reduce::DrainReason::end, failure);
    deliver();
    conflicts.insert(conflicts.end(), outcome.conflicts.begin(), outcome.conflicts.end());
    if (outcome.are_all_ending) {
      outcome.conflicts = std::move(conflicts);
      return outcome;
    }
    if (dispatch_) dispatch_->flush();
    helpers.barrier();
  }
}

void Accelerator::Impl::throw_conflicts(const reduce::DrainOutcome& outcome) const {
  if (outcome.conflicts.empty()) return;
  std::string text = "the ranks disagree: " + outcome.conflicts.front().text;
  if (outcome.conflicts.size() > 1) {
    text += fmt::format(" (and {} more)", outcome.conflicts.size() - 1);
  }
  throw ConflictError(text +
                      "; log a key with one type, one reduction and steps on all ranks or none");
}

void Accelerator::Impl::print_summary(const reduce::DrainOutcome& outcome) {
  for (const auto& line : dispatch_->failures()) {
    report(fmt::format("rank {}: {}", helpers.rank(), line));
  }
  if (helpers.rank() == 0 && outcome.n_late_parts > 0) {
    report(
        fmt::format("{} values came after the rows of their step had gone, at a flush() or after "
                    "a wait of 30 s; they stand as rows of their own with their own count",
                    outcome.n_late_parts));
  }
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
