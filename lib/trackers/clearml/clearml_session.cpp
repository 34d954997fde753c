#include "trackers/clearml/clearml_session.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <system_error>
#include <utility>

#include "core/file_bytes.hpp"
#include "core/text.hpp"
#include "http/json_answer.hpp"
#include "ranklog/error.hpp"
#include "trackers/clearml/clearml_events.hpp"
#include "trackers/support/console_text.hpp"
#include "trackers/support/replace_file.hpp"
#include "trackers/support/zip_archive.hpp"
#include "tracking/reporter.hpp"

namespace ranklog::trackers::clearml {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
constexpr std::size_t max_line_events = 500;
constexpr const char* metrics_name = "metrics.jsonl";
constexpr const char* log_name = "log.jsonl";

void make_directories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    throw DirectoryError(
        fmt::format("tracker 'clearml' cannot make '{}': {}; name another place with the option "
                    "'dir'",
                    path.string(), error.message()));
  }
}

// Gives every whole line with its events; ends at a line that is damaged or torn.
void read_lines(const fs::path& path,
                const std::function<void(const std::string& line, const Json& events)>& take) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  while (std::getline(file, line) && !file.eof()) {
    try {
      const auto wrapped = http::parse_object(fmt::format(R"({{"events":{}}})", line));
      const Json& events = wrapped.at("events");
      if (!events.is_array()) return;
      take(line, events);
    } catch (const http::BadAnswerError&) {
      return;
    }
  }
}

// Below every step for events without one, as single values.
std::int64_t step_of(const Json& event) {
  const Json* line = http::find(event, {"msg"});
  if (line != nullptr && line->is_string()) {
    return support::step_of_console_text(line->get_ref<const std::string&>())
        .value_or(single_value_iteration);
  }
  const Json* iteration = http::find(event, {"iter"});
  return iteration != nullptr && iteration->is_number_integer() ? iteration->get<std::int64_t>()
                                                                : single_value_iteration;
}

void keep_lines(const fs::path& path, std::int64_t from_step) {
  const fs::path kept = path.parent_path() / ("." + path.filename().string() + ".part");
  std::ofstream file(kept, std::ios::binary | std::ios::trunc);
  read_lines(path, [&](const std::string& line, const Json& events) {
    Json below = Json::array();
    for (const Json& event : events) {
      if (step_of(event) < from_step) below.push_back(event);
    }
    if (below.size() == events.size()) {
      file << line << '\n';
    } else if (!below.empty()) {
      file << below.dump() << '\n';
    }
  });
  file.close();
  if (!file) throw IoError(fmt::format("cannot write '{}'", kept.string()));
  std::error_code error;
  fs::rename(kept, path, error);
  if (error) throw IoError(fmt::format("cannot replace '{}': {}", path.string(), error.message()));
}

std::string file_url(const fs::path& path) { return fs::absolute(path).string(); }

std::vector<std::string> artifacts_of(const fs::path& task_file) {
  std::vector<std::string> artifacts;
  try {
    const auto task = http::parse_object(read_whole_file(task_file));
    const Json* found = http::find(task, {"execution", "artifacts"});
    if (found == nullptr || !found->is_array()) return artifacts;
    for (const Json& artifact : *found) artifacts.push_back(artifact.dump());
  } catch (const Error&) {
  } catch (const http::BadAnswerError&) {  // written anew, without what it said
  }
  return artifacts;
}

}  // namespace

std::string section_json(const std::map<std::string, std::string>& parameters) {
  std::string json = "{";
  for (const auto& [name, parameter] : parameters) {
    json += fmt::format("{}{}:{}", json.size() > 1 ? "," : "", json_quote(name), parameter);
  }
  return json + '}';
}

OfflineSession::OfflineSession(const Settings& settings, TaskDescription task,
                               const TrackerContext& context)
    : id_("offline-" + context.run_id),
      folder_(settings.directory / id_),
      flush_interval_(settings.flush_interval),
      task_(std::move(task)) {
  make_directories(folder_);
  const support::RecordFileOptions options{.flush_interval = settings.flush_interval,
                                           .may_exist = context.is_resumed};
  if (context.is_resumed) continue_folder(context.from_step);
  metrics_.file = std::make_unique<support::RecordFile>(folder_ / metrics_name, options);
  log_.file = std::make_unique<support::RecordFile>(folder_ / log_name, options);
  write_task();
}

// Cuts off torn lines and the events that no longer count.
void OfflineSession::continue_folder(std::int64_t from_step) {
  for (const char* const name : {metrics_name, log_name}) keep_lines(folder_ / name, from_step);
  artifacts_ = artifacts_of(folder_ / "task.json");
}

std::optional<std::int64_t> OfflineSession::next_step(const fs::path& directory) {
  std::optional<std::int64_t> next;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (!entry.is_directory() || !entry.path().filename().string().starts_with("offline-"))
      continue;
    next = next.value_or(0);
    read_lines(entry.path() / metrics_name, [&](const std::string&, const Json& events) {
      for (const Json& event : events) next = std::max(*next, step_of(event) + 1);
    });
  }
  return next;
}

void OfflineSession::write_task() const {
  const auto configuration =
      configuration_.empty()
          ? std::string("{}")
          : fmt::format(R"({{"General":{{"name":"General","type":"dictionary","value":{}}}}})",
                        json_quote(configuration_));
  support::replace_file(
      folder_ / "task.json",
      fmt::format(R"({{"id":{},"project_name":{},"name":{},"type":"{}","comment":{},"tags":{},)"
                  R"("script":{},"hyperparams":{{"{}":{},"{}":{}}},"configuration":{},)"
                  R"("execution":{{"parameters":{{}},"artifacts":[{}]}},"offline_folder":{},)"
                  R"("offline_output_models":[]}})",
                  json_quote(id_), json_quote(task_.project_name), json_quote(task_.name),
                  task_.type, json_quote(task_.comment), task_.tags, task_.script, user_section,
                  section_json(parameters_), run_section, section_json(task_.run_facts),
                  configuration, fmt::join(artifacts_, ","), json_quote(file_url(folder_))));
}

void OfflineSession::store_configuration(const std::string& text,
                                         const std::map<std::string, std::string>& parameters) {
  configuration_ = text;
  parameters_ = parameters;
  write_task();
}

void OfflineSession::end_line(Stream& stream) {
  if (stream.n_events == 0) return;
  stream.line += "]\n";
  stream.n_events = 0;
  const auto line = std::exchange(stream.line, {});
  stream.file->append(line);
}

void OfflineSession::add_event(EventKind kind, std::string_view json) {
  Stream& stream = kind == EventKind::log ? log_ : metrics_;
  stream.line += stream.n_events++ == 0 ? '[' : ',';
  stream.line += json;
  if (stream.n_events >= max_line_events) end_line(stream);
  if (Clock::now() - written_at_ >= flush_interval_) flush();
}

std::string OfflineSession::put_file(const std::string& key, const FileSource& source) {
  const fs::path path = folder_ / "data" / key;
  make_directories(path.parent_path());
  if (source.path.empty()) {
    support::replace_file(path, source.bytes);
  } else {
    std::error_code error;
    fs::copy_file(source.path, path, fs::copy_options::overwrite_existing, error);
    if (error) {
      throw IoError(fmt::format("cannot copy '{}' to '{}': {}", source.path.string(), path.string(),
                                error.message()));
    }
  }
  return file_url(path);
}

void OfflineSession::add_artifact(const std::string& json) {
  artifacts_.push_back(json);
  write_task();
}

void OfflineSession::flush() {
  written_at_ = Clock::now();
  for (Stream* stream : {&metrics_, &log_}) {
    end_line(*stream);
    stream->file->flush();
  }
}

void OfflineSession::finish(const RunOutcome& outcome) {
  for (Stream* stream : {&metrics_, &log_}) {
    end_line(*stream);
    stream->file->close();
  }
  if (outcome.status == RunStatus::running) return;  // more events will come
  const auto facts = hyper_parameters(
      {{"outcome", to_string(outcome.status)}, {"outcome_reason", outcome.reason}}, run_section);
  for (const auto& [name, fact] : facts) task_.run_facts[name] = fact;
  write_task();
  const fs::path archive = folder_.string() + ".zip";
  support::zip_folder(folder_, archive);
  tracking::report(fmt::format("clearml: upload with: clearml-task --import-offline-session '{}'",
                               archive.string()));
}

}  // namespace ranklog::trackers::clearml
