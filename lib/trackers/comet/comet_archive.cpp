#include "trackers/comet/comet_archive.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <random>
#include <system_error>

#include "core/text.hpp"
#include "http/json_answer.hpp"
#include "ranklog/error.hpp"
#include "trackers/support/console_text.hpp"
#include "trackers/support/json_text.hpp"
#include "trackers/support/replace_file.hpp"
#include "trackers/support/row_ledger.hpp"
#include "trackers/support/run_output.hpp"
#include "trackers/support/zip_archive.hpp"
#include "tracking/reporter.hpp"

namespace ranklog::trackers::comet {
namespace {

using support::now_ms;
namespace fs = std::filesystem;
using Json = nlohmann::json;
constexpr const char* messages_name = "messages.json";
constexpr auto experiment_interval = std::chrono::seconds(10);

// 32 hex digits, the same for every attempt of a run.
std::string key_of_run(std::string_view run_id) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : run_id) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return fmt::format("{}{:016x}", run_id, hash);
}

std::string random_id() {
  std::random_device source;
  std::string id;
  for (int i = 0; i < 4; ++i) id += fmt::format("{:08x}", source());
  return id;
}

std::string json_or_null(const std::optional<std::int64_t>& step) {
  return step ? std::to_string(*step) : "null";
}

// Gives every whole line; ends at a line that is damaged or torn.
void read_messages(const fs::path& path,
                   const std::function<void(const std::string& line, const Json& message)>& take) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  while (std::getline(file, line) && !file.eof()) {
    try {
      take(line, http::parse_object(line));
    } catch (const http::BadAnswerError&) {
      return;
    }
  }
}

std::optional<std::int64_t> step_of(const Json& message) {
  const Json* line = http::find(message, {"payload", "output"});
  if (line != nullptr && line->is_string()) {
    return support::step_of_console_text(line->get_ref<const std::string&>());
  }
  const Json* step = http::find(message, {"payload", "metric", "step"});
  if (step == nullptr || !step->is_number_integer()) return std::nullopt;
  return step->get<std::int64_t>();
}

// A name inside the archive, which has no folders.
std::string flat_name(const std::string& name) {
  constexpr std::size_t max_bytes = 100;
  std::string flat;
  for (const char c : fs::path(name).filename().string()) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '-';
    flat += is_plain ? c : '_';
  }
  return flat.size() > max_bytes ? flat.substr(flat.size() - max_bytes) : flat;
}

void copy_into(const Upload& upload, const fs::path& path) {
  if (upload.path.empty()) {
    support::replace_file(path, upload.bytes);
    return;
  }
  std::error_code error;
  fs::copy_file(upload.path, path, fs::copy_options::overwrite_existing, error);
  if (error) {
    throw IoError(fmt::format("cannot copy '{}' to '{}': {}", upload.path.string(), path.string(),
                              error.message()));
  }
}

}  // namespace

OfflineArchive::OfflineArchive(const Settings& settings, const TrackerContext& context)
    : key_(settings.experiment_key.empty() ? key_of_run(context.run_id) : settings.experiment_key),
      folder_(settings.directory / key_),
      start_ms_(support::milliseconds(support::start_s(context))) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) {
    throw DirectoryError(
        fmt::format("tracker 'comet_ml' cannot make '{}': {}; name another place with the option "
                    "'dir' or COMET_OFFLINE_DIRECTORY",
                    folder_.string(), error.message()));
  }
  std::string tags;
  append_json(tags, ConfigValue(settings.tags));
  head_ = fmt::format(R"({{"offline_id":{},"project_name":{},"workspace":{},"tags":{},)",
                      json_quote(key_), json_quote(settings.project_name),
                      settings.workspace.empty() ? "null" : json_quote(settings.workspace), tags);
  if (context.is_resumed) continue_folder(context.from_step);
  messages_ = std::make_unique<support::RecordFile>(
      folder_ / messages_name, support::RecordFileOptions{.flush_interval = settings.flush_interval,
                                                          .may_exist = context.is_resumed});
  if (n_messages_ == 0) {
    write_message("log_other", R"("key":"offline_experiment","value":true)");
    set_other("Name", settings.experiment_name);
  }
  messages_->flush();
  write_experiment(now_ms());
}

void OfflineArchive::continue_folder(std::int64_t from_step) {
  const fs::path old = folder_ / messages_name;
  const fs::path kept = folder_ / "messages.part";
  std::ofstream file(kept, std::ios::binary | std::ios::trunc);
  read_messages(old, [&](const std::string& line, const Json& message) {
    const Json* number = http::find(message, {"payload", "message_id"});
    if (number != nullptr && number->is_number_integer()) {
      n_messages_ = std::max(n_messages_, number->get<std::int64_t>());
    }
    const auto step = step_of(message);
    if (!step || *step < from_step) file << line << '\n';
  });
  file.close();
  if (!file) throw IoError(fmt::format("cannot write '{}'", kept.string()));
  std::error_code error;
  fs::rename(kept, old, error);
  if (error) throw IoError(fmt::format("cannot replace '{}': {}", old.string(), error.message()));
}

std::optional<std::int64_t> OfflineArchive::next_step(const fs::path& directory) {
  std::optional<std::int64_t> next;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (!fs::exists(entry.path() / messages_name, error)) continue;
    next = next.value_or(0);
    read_messages(entry.path() / messages_name, [&](const std::string&, const Json& message) {
      if (const auto step = step_of(message)) next = std::max(*next, *step + 1);
    });
  }
  return next;
}

// The members that comet_ml 3.58 writes for an experiment whose key was given: `comet upload` adds
// to the experiment of that key, or makes it.
void OfflineArchive::write_experiment(std::int64_t stop_ms) {
  experiment_written_at_ = Clock::now();
  support::replace_file(
      folder_ / "experiment.json",
      fmt::format(R"({}"start_time":{},"stop_time":{},"resume_strategy":"get_or_create",)"
                  R"("user_provided_experiment_key":true,"comet_start_sourced":true,)"
                  R"("customer_error_reported":false,"customer_error_message":null}})",
                  head_, start_ms_, stop_ms));
}

void OfflineArchive::write_message(std::string_view type, std::string_view fields) {
  messages_->append(fmt::format("{{\"payload\":{{\"message_id\":{},{}}},\"type\":\"{}\"}}\n",
                                ++n_messages_, fields, type));
}

void OfflineArchive::add_point(std::string_view name, Point point) {
  write_message(
      "metric_msg",
      fmt::format(R"("local_timestamp":{},"metric":{{"metricName":{},"metricValue":{},)"
                  R"("step":{},"epoch":null}})",
                  point.time_ms, json_quote(name), point.value, json_or_null(point.step)));
}

void OfflineArchive::set_other(const std::string& key, const std::string& value) {
  write_message("log_other",
                fmt::format(R"("key":{},"value":{})", json_quote(key), json_quote(value)));
}

void OfflineArchive::add_output(const std::string& line, std::int64_t time_ms) {
  write_message("standard_output", fmt::format(R"("local_timestamp":{},"output":{},"stderr":false)",
                                               time_ms, json_quote(line + '\n')));
}

void OfflineArchive::add_parameter(const std::string& name, const std::string& value) {
  write_message("parameter_msg",
                fmt::format(R"("local_timestamp":{},"param":{{"paramName":{},"paramValue":{},)"
                            R"("source":"manual","step":null}})",
                            now_ms(), json_quote(name), value));
}

void OfflineArchive::add_file(const Upload& upload) {
  const auto file = fmt::format("{}-{}", n_messages_ + 1, flat_name(upload.name));
  copy_into(upload, folder_ / file);
  auto extension = fs::path(upload.name).extension().string();
  if (!extension.empty()) extension.erase(0, 1);
  const auto names = upload.is_image ? fmt::format(R"("imageId":"{}","figCounter":0,"figName":{})",
                                                   random_id(), json_quote(upload.name))
                                     : fmt::format(R"("assetId":"{}","fileName":{})", random_id(),
                                                   json_quote(upload.name));
  write_message(
      "file_upload",
      fmt::format(R"("local_timestamp":{},"file_path":{},"upload_type":"{}","clean":true,)"
                  R"("metadata":{{}},"additional_params":{{{},"extension":{},"step":{},)"
                  R"("context":null,"overwrite":false,"runId":null}})",
                  upload.time_ms, json_quote(file), upload.is_image ? "visualization" : "asset",
                  names, json_quote(extension), json_or_null(upload.step)));
}

void OfflineArchive::flush() {
  messages_->flush();
  if (Clock::now() - experiment_written_at_ >= experiment_interval) write_experiment(now_ms());
}

void OfflineArchive::finish(const RunOutcome& outcome) {
  if (outcome.status == RunStatus::running) {  // more messages will come
    messages_->close();
    return;
  }
  set_other("ranklog.outcome", std::string(to_string(outcome.status)));
  if (!outcome.reason.empty()) set_other("ranklog.outcome_reason", outcome.reason);
  messages_->close();
  write_experiment(support::milliseconds(support::end_s(outcome)));
  const fs::path archive = folder_.string() + ".zip";
  support::zip_folder(folder_, archive);
  tracking::report(fmt::format("comet_ml: upload with: comet upload '{}'", archive.string()));
}

}  // namespace ranklog::trackers::comet
