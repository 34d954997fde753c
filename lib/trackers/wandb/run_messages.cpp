#include "trackers/wandb/run_messages.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <cmath>
#include <thread>

#include "ranklog/version.hpp"
#include "trackers/support/json_text.hpp"

namespace ranklog::trackers::wandb {
namespace {

using wandb_proto::Record;

// The text of a fact; empty when there is none.
std::string fact(const TrackerContext& context, std::string_view name) {
  if (!context.provenance) return {};
  const ConfigValue* const value = context.provenance->facts.find(name);
  return value == nullptr ? std::string() : decodable(to_text(*value));
}

std::string host_of(const Settings& settings, const TrackerContext& context) {
  return settings.host.empty() ? fact(context, "hostname") : settings.host;
}

std::string git_commit_of(const Settings& settings, const TrackerContext& context) {
  return settings.git_commit.empty() ? fact(context, "git_commit") : settings.git_commit;
}

std::string operating_system() {
  utsname name{};
  if (::uname(&name) != 0) return {};
  return decodable(fmt::format("{}-{}-{}", name.sysname, name.release, name.machine));
}

// The variables of the job under the names of the W&B SDK: without their prefix.
void add_slurm(wandb_proto::Environment& out, const TrackerContext& context) {
  constexpr std::string_view prefix = "slurm_";
  if (!context.provenance) return;
  for (const auto& [key, value] : context.provenance->facts.items()) {
    if (!key.starts_with(prefix)) continue;
    (*out.mutable_slurm())[decodable(key.substr(prefix.size()))] = decodable(to_text(value));
  }
}

}  // namespace

void set_time(wandb_proto::Timestamp& out, double seconds) {
  const double whole = std::floor(seconds);
  out.set_seconds(static_cast<std::int64_t>(whole));
  out.set_nanos(static_cast<std::int32_t>((seconds - whole) * 1e9));
}

Record header_record() {
  Record record;
  auto& info = *record.mutable_header()->mutable_version_info();
  info.set_producer(fmt::format("ranklog {}", version));
  info.set_min_consumer("0.70.0");
  return record;
}

Record run_record(const Settings& settings, const TrackerContext& context, double start) {
  Record record;
  auto& run = *record.mutable_run();
  run.set_run_id(settings.id);
  run.set_entity(settings.entity);
  run.set_project(settings.project);
  run.set_run_group(settings.group);
  run.set_job_type(settings.job_type);
  run.set_display_name(settings.name);
  run.set_notes(settings.notes);
  for (const std::string& tag : settings.tags) run.add_tags(tag);
  run.set_sweep_id(settings.sweep_id);
  run.set_host(host_of(settings, context));
  set_time(*run.mutable_start_time(), start);
  auto& telemetry = *run.mutable_telemetry();
  telemetry.mutable_feature()->set_offline(true);
  telemetry.mutable_feature()->set_lib_cpp(true);
  telemetry.set_platform("linux");
  const std::string commit = git_commit_of(settings, context);
  if (!commit.empty()) run.mutable_git()->set_commit(commit);
  if (!settings.git_remote_url.empty()) {
    run.mutable_git()->set_remote_url(settings.git_remote_url);
  }
  return record;
}

Record environment_record(const Settings& settings, const TrackerContext& context, double start) {
  Record record;
  auto& out = *record.mutable_environment();
  out.set_os(operating_system());
  set_time(*out.mutable_started_at(), start);
  const std::string executable = fact(context, "executablepath");
  out.set_program(settings.program.empty() ? executable : settings.program);
  out.set_executable(executable);
  out.set_root(fact(context, "workdir"));
  out.set_host(host_of(settings, context));
  out.set_username(fact(context, "user"));
  out.set_cpu_count_logical(std::thread::hardware_concurrency());
  out.set_writer_id(settings.id);
  const std::string commit = git_commit_of(settings, context);
  if (!commit.empty()) out.mutable_git()->set_commit(commit);
  add_slurm(out, context);
  return record;
}

Record config_record(const Config& config) {
  Record record;
  auto& updates = *record.mutable_config();
  for (const auto& [key, value] : config.items()) {
    auto& item = *updates.add_update();
    item.set_key(decodable(key));
    append_json(*item.mutable_value_json(), value, NonFinite::bare_word);
  }
  return record;
}

Record exit_record(RunStatus status, double runtime) {
  Record record;
  record.mutable_exit()->set_exit_code(status == RunStatus::completed ? 0 : 1);
  record.mutable_exit()->set_runtime(static_cast<std::int32_t>(std::lround(runtime)));
  return record;
}

Record final_record() {
  Record record;
  record.mutable_final();
  return record;
}

Record footer_record() {
  Record record;
  record.mutable_footer();
  return record;
}

}  // namespace ranklog::trackers::wandb
