#include "accelerator/run_start.hpp"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "core/text.hpp"
#include "provenance/environment.hpp"
#include "provenance/scheduler.hpp"
#include "ranklog/error.hpp"
#include "ranklog/key.hpp"

namespace ranklog {
namespace {

namespace fs = std::filesystem;

StartedRun begin_new(const fs::path& logging_dir, std::string_view project,
                     std::string_view run_name) {
  StartedRun run;
  run.directory = create_run_directory(logging_dir, project, run_name);
  run.lock = RunLock(run.directory.path);
  return run;
}

void take_up(StartedRun& run, const Resume& resume, const NextStep& next_step) {
  const auto& previous = run.lock.previous();
  if (previous) {
    if (!previous->run_id.empty()) run.directory.run_id = previous->run_id;
    run.attempt = previous->attempt + 1;
  } else {
    run.attempt = 1;
  }
  run.is_resumed = true;
  if (resume.from_step) {
    run.first_step = *resume.from_step;
    return;
  }
  const auto next = next_step(run.directory.path);
  if (!next) {
    throw UsageError(fmt::format(
        "cannot resume run '{}': none of its trackers knows the last recorded step; give from_step",
        escape_unprintable(run.directory.run_name)));
  }
  run.first_step = *next;
}

// The name of a run that goes on after the scheduler restarted its job.
std::string resumed_name(const InitOptions& options) {
  if (!options.run_name.empty()) return options.run_name;
  const auto job = provenance::requeued_job_name(&provenance::process_environment);
  return job.value_or("");
}

bool holds_nothing(const fs::path& directory) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.path().filename() != "run.lock") return false;
  }
  return true;
}

}  // namespace

StartedRun start_run(const fs::path& logging_dir, std::string_view project,
                     const InitOptions& options, const NextStep& next_step) {
  StartedRun run;
  if (!options.resume) {
    run = begin_new(logging_dir, project, options.run_name);
  } else {
    const Resume& resume = *options.resume;
    if (resume.from_step && *resume.from_step < 0) {
      throw InvalidStepError(
          fmt::format("cannot resume from step {}: it is negative", *resume.from_step));
    }
    validate_path_component(project, "project name");
    const std::string name = resumed_name(options);
    if (!name.empty()) validate_path_component(name, "run name");
    std::error_code ignored;
    const fs::path path = fs::absolute(logging_dir, ignored).lexically_normal() / project / name;
    if (!name.empty() && fs::is_directory(path, ignored)) {
      run.directory = {name, make_run_id(), path};
      run.lock = RunLock(path);
      // A job that was killed between making the folder and the first file left nothing to resume.
      if (run.lock.previous() || !holds_nothing(path)) take_up(run, resume, next_step);
    } else if (resume.if_missing == IfMissing::create) {
      run = begin_new(logging_dir, project, name);
    } else {
      throw UsageError(fmt::format(
          "cannot resume run '{}' of project '{}': there is no such run in {}; check the name, or "
          "use Resume::automatic() to begin it if it is missing",
          escape_unprintable(name), escape_unprintable(project),
          escape_unprintable(path.parent_path().string(), 4096)));
    }
  }
  RunOwner owner = this_process();
  owner.run_id = run.directory.run_id;
  owner.attempt = run.attempt;
  run.lock.write(owner);
  return run;
}

}  // namespace ranklog
