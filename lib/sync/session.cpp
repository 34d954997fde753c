#include "sync/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "tracking/shield.hpp"

namespace ranklog::sync {
namespace {

constexpr auto confirm_every = std::chrono::seconds(2);
constexpr std::int64_t max_unconfirmed = 5000;  // rows
constexpr double server_rows_per_s = 5000;

RunOutcome outcome_of(const RunInfo& info, Life life) {
  const double end = info.created_time + std::max(info.duration_s, 0.0);
  switch (life) {
    case Life::ended:
      if (info.status == "completed") return {RunStatus::completed, "", end};
      return {RunStatus::failed, info.status_reason, end};
    case Life::broken:
      return {RunStatus::failed, "the job ended without end_training()", end};
    case Life::going:
      break;
  }
  return {RunStatus::running, "", 0};
}

}  // namespace

Session::Session(RunReader& run, GeneralTracker& tracker, const DeliveryOptions& options,
                 std::filesystem::path state_file, tracking::DeliveryState state)
    : run_(run),
      tracker_(tracker),
      options_(options),
      state_file_(std::move(state_file)),
      state_(std::move(state)) {}

template <class Call>
bool Session::shield(std::string_view what, const Call& call) {
  try {
    limit_->run(call);
    return true;
  } catch (...) {
    if (n_errors_++ == 0) {
      first_error_ =
          fmt::format("{}: {}", what, escape_unprintable(tracking::describe_current_exception()));
    }
    return false;
  }
}

bool Session::should_stop() const {
  return (options_.should_stop && options_.should_stop()) || limit_->has_cancelled();
}

void Session::start(const TrackerContext& context, const Position& kept) {
  // Noted first: a tracker that was interrupted while it started is told that it goes on.
  tracking::write_delivery(state_file_, state_);
  try {
    tracker_.start(context);
  } catch (const RunExistsError& error) {
    // What is there is not ours, and the next delivery must not take it for that.
    std::error_code ignored;
    if (!context.is_resumed) std::filesystem::remove(state_file_, ignored);
    const std::string_view what = error.what();
    throw RunExistsError(
        fmt::format("{}: the job itself wrote it; --into DIR delivers to another place",
                    what.substr(0, what.find(';'))));
  } catch (...) {
    throw TrackerFailedError(fmt::format("tracker '{}' could not start: {}", options_.tracker,
                                         tracking::describe_current_exception()));
  }
  is_remote_ = tracker_.thread_affinity() == ThreadAffinity::sender;
  limit_.emplace(tracker_, CallLimit::Seconds(is_remote_ ? options_.timeout_s : 0),
                 options_.should_stop);
  replay_.emplace(run_, is_remote_ ? state_.n_rows : kept);
  pace_ = Pace(options_.rows_per_s.value_or(is_remote_ ? server_rows_per_s : 0));
}

Session::End Session::run(DeliveryReport& report) {
  const Config config = run_.config();
  End end = End::delivered;
  if (!config.empty()) {
    const bool is_stored =
        shield("store_init_configuration", [&] { tracker_.store_init_configuration(config); });
    if (!is_stored && is_remote_) end = End::failed;
  }
  const auto attempt = run_.attempts().back().number;
  Life life = Life::going;
  while (end == End::delivered) {
    // Asked first: what came before the end of the run is delivered before this ends.
    life = life_of(run_, run_.info().status);
    if (run_.attempts().back().number != attempt) {
      end = End::taken_up;
      break;
    }
    replay_->refresh();
    if (!drain(report))
      end = should_stop() && !limit_->has_cancelled() ? End::stopped : End::failed;
    if (!options_.follow || life != Life::going || end != End::delivered) break;
    if (is_remote_ ? !checkpoint() : !shield("on_idle", [&] { tracker_.on_idle(); })) {
      end = End::failed;
    }
    wait(std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(options_.interval_s)));
    if (end == End::delivered && should_stop()) end = End::stopped;
  }
  finish(end, end == End::delivered ? life : Life::going, report);
  return end;
}

void Session::wait(Clock::duration how_long) const {
  constexpr auto slice = Clock::duration(std::chrono::milliseconds(50));
  const auto until = Clock::now() + how_long;
  while (!should_stop() && Clock::now() < until) {
    std::this_thread::sleep_for(std::min(slice, until - Clock::now()));
  }
}

// Gives all rows that there are. False: it stopped before that.
bool Session::drain(DeliveryReport& report) {
  Record record;
  while (replay_->next(record)) {
    if (options_.since && record.row_step < *options_.since) continue;
    if (const auto early = pace_.next(Clock::now()); early > Clock::duration{}) wait(early);
    give(record, report);
    if (options_.report_progress) {
      options_.report_progress({report.n_rows, replay_->n_cells_done(), replay_->n_cells()});
    }
    const bool is_due =
        n_unconfirmed_ >= max_unconfirmed || Clock::now() - confirmed_at_ >= confirm_every;
    if (is_remote_ && is_due && !checkpoint()) return false;
    if (should_stop()) return false;
  }
  return true;
}

void Session::give(const Record& record, DeliveryReport& report) {
  static const Config no_options;
  shield("log", [&] { tracker_.log(record, no_options); });
  ++n_unconfirmed_;
  ++report.n_rows;
  report.first_step = std::min(report.first_step.value_or(record.row_step), record.row_step);
  report.last_step = std::max(report.last_step.value_or(record.row_step), record.row_step);
}

// Of a remote tracker: what it was given and does not have.
bool Session::has_lost_rows(DeliveryReport* report) {
  const auto lost = tracker_.undelivered();
  if (!lost) return n_errors_ > 0;
  if (lost->n_rows > 0 && report != nullptr) {
    report->problems.push_back(fmt::format(
        "{} row{} from step {} on {}", lost->n_rows, lost->n_rows == 1 ? "" : "s", lost->first_step,
        lost->reason.empty() ? "were not confirmed" : escape_unprintable(lost->reason)));
  }
  return lost->n_rows > 0;
}

// False: not all of what a remote tracker was given arrived, so nothing after it is noted.
bool Session::checkpoint() {
  const bool is_flushed = shield("flush", [&] { tracker_.flush(); });
  confirmed_at_ = Clock::now();
  if (!is_flushed || limit_->has_cancelled() || has_lost_rows()) return false;
  if (n_unconfirmed_ > 0) {
    state_.n_rows = replay_->position();
    tracking::write_delivery(state_file_, state_);
  }
  n_unconfirmed_ = 0;
  return true;
}

void Session::finish(End& end, Life life, DeliveryReport& report) {
  const RunInfo info = run_.info();
  if (end == End::failed && is_remote_) tracker_.cancel();  // it need not try again
  const std::int64_t n_before = n_errors_;
  const bool is_finished = shield("finish", [&] { tracker_.finish(outcome_of(info, life)); });
  if (end == End::failed) n_errors_ = n_before;  // said already
  const bool is_lost = is_remote_ && has_lost_rows(&report);
  add_problems(report);
  if (end == End::failed || !is_finished || is_lost || limit_->has_cancelled()) {
    end = End::failed;
    return;
  }
  state_.n_rows = replay_->position();
  if (life != Life::going) state_.told_status = life == Life::ended ? info.status : "failed";
  tracking::write_delivery(state_file_, state_);
}

void Session::add_problems(DeliveryReport& report) {
  if (n_errors_ > 0) {
    report.problems.push_back(fmt::format("failed {} time{}; first: {}", n_errors_,
                                          n_errors_ == 1 ? "" : "s", first_error_));
  }
  if (limit_->has_cancelled() && !(options_.should_stop && options_.should_stop())) {
    report.problems.push_back(fmt::format("no answer within {} s (--timeout)", options_.timeout_s));
  }
}

}  // namespace ranklog::sync
