#include "trackers/clearml/clearml_online.hpp"

#include <utility>

namespace ranklog::trackers::clearml {

OnlineTask::OnlineTask(const Settings& settings, TaskDescription task, std::string own_id,
                       const std::function<void(const std::string&)>& report)
    : service_(settings.client, settings.files_server, report),
      task_(std::move(task)),
      own_id_(std::move(own_id)),
      wanted_id_(settings.task_id) {}

const std::string& OnlineTask::task_id() {
  ledger_.require_open();
  if (!id_.empty()) return id_;
  try {
    std::string id = wanted_id_;
    if (id.empty()) {
      const auto project = service_.find_or_create_project(task_.project_name);
      id = service_.find_or_create_task(project, own_id_, task_);
    } else {
      service_.require_task(id);
      service_.edit_parameters(id, task_.run_facts);
    }
    service_.set_state(id, Service::State::started, "");
    id_ = std::move(id);
  } catch (const http::Error& error) {
    ledger_.note_failed_start(error);
    throw;
  }
  return id_;
}

void OnlineTask::store_configuration(const std::string& text,
                                     const std::map<std::string, std::string>& parameters) {
  service_.edit_configuration(task_id(), text);
  if (!parameters.empty()) service_.edit_parameters(task_id(), parameters);
}

void OnlineTask::add_event(EventKind, std::string_view json) {
  if (batch_.size() + json.size() >= max_batch_bytes) send_batch();
  batch_ += json;
  batch_ += '\n';
}

bool OnlineTask::end_row(std::int64_t step, bool is_whole) {
  const bool was_said = ledger_.has_ended_before();
  if (!is_whole) ledger_.damage_row();
  ledger_.end_row(step);
  return !was_said;
}

void OnlineTask::send_batch() {
  if (batch_.empty()) {
    ledger_.confirm_pending();  // rows without anything that ClearML takes
    return;
  }
  try {
    static_cast<void>(task_id());
    service_.add_events(batch_);
    batch_.clear();
    ledger_.confirm_pending();
  } catch (const http::Error& error) {
    ledger_.note(error);
    batch_.clear();
    ledger_.lose_pending();
    if (error.fault() != http::Fault::cancelled) throw;
  }
}

std::string OnlineTask::put_file(const std::string& key, const FileSource& source) {
  ledger_.require_open();
  return service_.put_file(key, source);
}

void OnlineTask::add_artifact(const std::string& json) { service_.add_artifact(task_id(), json); }

void OnlineTask::flush() {
  if (!ledger_.has_ended()) send_batch();
}

void OnlineTask::finish(const RunOutcome& outcome) {
  if (ledger_.has_ended()) return;
  try {
    send_batch();
    if (outcome.status == RunStatus::running) return;
    const bool is_completed = outcome.status == RunStatus::completed;
    service_.set_state(task_id(), is_completed ? Service::State::completed : Service::State::failed,
                       outcome.reason);
  } catch (const http::Error& error) {
    if (error.fault() != http::Fault::cancelled) throw;
  }
}

}  // namespace ranklog::trackers::clearml
