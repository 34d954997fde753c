#include "sync/deliver.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "ranklog/key.hpp"
#include "ranklog/run_reader.hpp"
#include "ranklog/tracker.hpp"
#include "sync/session.hpp"
#include "tracking/registry.hpp"

namespace ranklog::sync {
namespace {

namespace fs = std::filesystem;
using tracking::DeliveryState;

std::string shown(const fs::path& path) { return escape_unprintable(path.string(), 1000); }

std::unique_ptr<GeneralTracker> require_tracker(const DeliveryOptions& options) {
  const std::string& name = options.tracker;
  if (name == "memory" || (name == "hdf5" && options.into.empty())) {
    throw UsageError(fmt::format(
        "nothing can be delivered to '{}': {}", name,
        name == "memory" ? "it keeps nothing" : "the run is there; --into DIR makes a copy"));
  }
  if (auto tracker = tracking::make_tracker(name)) return tracker;
  const auto message =
      fmt::format("{} '{}'; available here: {}",
                  logger_type_from_string(name) ? "this build of ranklog has no tracker"
                                                : "there is no tracker",
                  escape_unprintable(name), fmt::join(get_available_trackers(), ", "));
  if (logger_type_from_string(name)) throw TrackerUnavailableError(message);
  throw UnknownTrackerError(message);
}

// Held while this object lives, so that two deliveries do not mix.
class StateLock {
 public:
  explicit StateLock(const fs::path& state_file) {
    const fs::path path = state_file.parent_path() / ("." + state_file.stem().string() + ".lock");
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor_ < 0) {
      throw IoError(fmt::format(
          "cannot make '{}': {}; what was delivered is noted beside the run, or below --into DIR",
          shown(path), std::generic_category().message(errno)));
    }
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    // A file system without locks does not stop a delivery.
    if (::fcntl(descriptor_, F_OFD_SETLK, &lock) != 0 && (errno == EAGAIN || errno == EACCES)) {
      ::close(descriptor_);
      throw RunInUseError(
          fmt::format("another ranklog sync is delivering this run: it holds '{}'", shown(path)));
    }
  }
  ~StateLock() { ::close(descriptor_); }
  StateLock(const StateLock&) = delete;
  StateLock& operator=(const StateLock&) = delete;

 private:
  int descriptor_ = -1;
};

// What a job wrote with a tracker is complete, or goes on with the job: a second copy beside it
// would show every value twice.
void refuse_files_of_job(const std::string& tracker, const fs::path& directory) {
  struct Output {
    std::string_view tracker, beginning;
  };
  constexpr std::array outputs{Output{"tensorboard", "events.out.tfevents"},
                               Output{"wandb", "wandb"}, Output{"dvclive", "dvclive"},
                               Output{"jsonl", "metrics.jsonl"}, Output{"hdf5", "run.h5"}};
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    for (const Output& output : outputs) {
      if (output.tracker != tracker || !name.starts_with(output.beginning)) continue;
      throw RunExistsError(fmt::format(
          "'{}' is there already: the job itself wrote it with tracker '{}'; --into DIR delivers "
          "to another place",
          shown(entry.path()), tracker));
    }
  }
}

// A delivery of one run: where it goes, and what it knows.
class Delivery {
 public:
  Delivery(const fs::path& run_file, const DeliveryOptions& options)
      : options_(options), tracker_(require_tracker(options)), run_(run_file), info_(run_.info()) {
    // The names of a run file become names of folders and of things on servers.
    validate_path_component(info_.project, "project name");
    validate_path_component(info_.run_name, "run name");
    if (info_.run_id.empty() || escape_unprintable(info_.run_id, 100) != info_.run_id) {
      throw FileFormatError(fmt::format("{} has no usable run_id", shown(run_.path())));
    }
    std::error_code error;
    const fs::path beside = fs::absolute(run_.path(), error).parent_path();
    directory_ = options.into.empty()
                     ? beside
                     : fs::absolute(options.into, error) / info_.project / info_.run_name;
    state_file_ = tracking::delivery_file(directory_, options.tracker);
  }

  DeliveryReport run() {
    if (options_.dry_run) return plan();
    std::error_code error;
    fs::create_directories(directory_, error);
    const StateLock lock(state_file_);
    DeliveryReport report;
    while (take_up(report) && deliver_once(report) == Session::End::taken_up) {
      tracker_ = require_tracker(options_);
    }
    return report;
  }

 private:
  Session::End deliver_once(DeliveryReport& report) {
    Session session(run_, *tracker_, options_, state_file_, state_);
    session.start(context(), kept_);
    const auto end = session.run(report);
    report.has_all = end == Session::End::delivered && report.problems.empty();
    report.is_run_going = life_of(run_, run_.info().status) == Life::going;
    return end;
  }

  // Counts what would be delivered.
  DeliveryReport plan() {
    DeliveryReport report;
    if (!take_up(report)) return report;
    Replay replay(run_, state_.n_rows);
    Record record;
    while (replay.next(record)) {
      if (options_.since && record.row_step < *options_.since) continue;
      ++report.n_rows;
      report.first_step = std::min(report.first_step.value_or(record.row_step), record.row_step);
      report.last_step = std::max(report.last_step.value_or(record.row_step), record.row_step);
    }
    report.is_run_going = life_ == Life::going;
    return report;
  }

  // Finds where to go on. False: everything is there already.
  bool take_up(DeliveryReport& report) {
    const auto known = tracking::read_delivery(state_file_, info_.run_id);
    info_ = run_.info();
    life_ = life_of(run_, info_.status);
    is_resumed_ = known.has_value();
    report.was_resumed = is_resumed_;
    state_ = {};
    state_.run_id = info_.run_id;
    state_.attempt = run_.attempts().back().number;
    if (!known) {
      refuse_files_of_job(options_.tracker, directory_);
      return true;
    }
    refuse_what_job_delivers(*known);
    auto point = find_resume_point(run_, *known);
    const std::string wanted = life_ == Life::ended ? info_.status : "failed";
    const bool needs_no_end = life_ == Life::going || known->told_status == wanted;
    if (point.has_all && needs_no_end && !(options_.follow && life_ == Life::going)) {
      report.has_all = true;
      report.is_run_going = life_ == Life::going;
      return false;
    }
    state_.n_rows = std::move(point.delivered);
    kept_ = std::move(point.kept);
    from_step_ = point.from_step;
    return true;
  }

  void refuse_what_job_delivers(const DeliveryState& known) const {
    const bool does_it_itself = std::any_of(
        known.jobs.begin(), known.jobs.end(),
        [&](const tracking::JobDelivery& job) { return job.attempt == state_.attempt; });
    if (life_ != Life::going || !does_it_itself) return;
    throw RunInUseError(
        fmt::format("the job that records {} delivers to '{}' itself; what it leaves can be "
                    "delivered when it has ended",
                    shown(run_.path()), options_.tracker));
  }

  [[nodiscard]] TrackerContext context() const {
    TrackerContext context;
    context.project_name = info_.project;
    context.run_name = info_.run_name;
    context.run_id = info_.run_id;
    context.run_dir = directory_;
    context.logging_dir = directory_.parent_path().parent_path();
    context.provenance = std::make_shared<const Provenance>(run_.provenance());
    context.options = options_.tracker_options;
    context.n_ranks =
        static_cast<std::int32_t>(std::clamp<std::int64_t>(info_.n_ranks, 1, 1 << 30));
    context.attempt = state_.attempt;
    context.is_resumed = is_resumed_;
    context.from_step = from_step_;
    context.start_time = info_.created_time;
    context.is_replay = true;
    return context;
  }

  const DeliveryOptions& options_;
  std::unique_ptr<GeneralTracker> tracker_;
  RunReader run_;
  RunInfo info_;
  Life life_ = Life::going;
  fs::path directory_;
  fs::path state_file_;
  DeliveryState state_;
  Position kept_;
  bool is_resumed_ = false;
  std::int64_t from_step_ = 0;
};

}  // namespace

DeliveryReport deliver(const fs::path& run_file, const DeliveryOptions& options) {
  return Delivery(run_file, options).run();
}

}  // namespace ranklog::sync
