#include "trackers/mlflow/mlflow_tracker.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/mlflow/mlflow_keys.hpp"
#include "trackers/support/image_file.hpp"
#include "trackers/support/run_output.hpp"
#include "tracking/reporter.hpp"

namespace ranklog::trackers {
namespace {

using http::Fault;
using support::milliseconds;
constexpr std::string_view tracker_name = "mlflow";
constexpr std::size_t max_param_bytes = 6000;
constexpr std::size_t max_params = 100;
constexpr auto text_interval = std::chrono::seconds(60);

void say(const std::string& text) { tracking::report("mlflow: " + text); }

// MLflow's words. KILLED is for the job that was told to end before it was through.
const char* end_status(const RunOutcome& outcome) {
  if (outcome.status != RunStatus::completed) return "FAILED";
  return outcome.reason.empty() ? "FINISHED" : "KILLED";
}

std::map<std::string, std::string> mapped_tags(const std::map<std::string, std::string>& tags) {
  std::map<std::string, std::string> mapped;
  for (const auto& [key, value] : tags) mapped[mlflow::map_key(key).text] = value;
  return mapped;
}

}  // namespace

void MlflowTracker::start(const TrackerContext& context) {
  settings_ = mlflow::read_settings(context, [](const char* name) { return std::getenv(name); });
  own_id_ = context.run_id;
  is_replay_ = context.is_replay;
  start_time_ms_ = milliseconds(support::start_s(context));
  service_ = std::make_unique<mlflow::Service>(settings_.client, settings_.retry,
                                               [this](const std::string& text) {
                                                 if (trouble_limit_.may_report()) say(text);
                                               });
  for (const auto& note : settings_.notes) say(note);
}

const mlflow::Run& MlflowTracker::require_run() {
  ledger_.require_open();
  if (run_) return *run_;
  try {
    return connect();
  } catch (const http::Error& error) {
    ledger_.note(error);
    throw;
  }
}

const mlflow::Run& MlflowTracker::connect() {
  bool is_new = false;
  mlflow::Run run;
  if (!settings_.run_id.empty()) {
    run = service_->get_run(settings_.run_id);
  } else {
    const auto experiment = settings_.experiment_id.empty()
                                ? service_->find_or_create_experiment(settings_.experiment_name)
                                : settings_.experiment_id;
    run = service_->find_or_create_run(
        experiment, own_id_, {settings_.run_name, start_time_ms_, mapped_tags(settings_.tags)},
        is_new);
    // The search says nothing about metrics.
    if (!is_new) run = service_->get_run(run.id);
  }
  if (!is_new) {
    service_->update_run(run.id, "RUNNING", std::nullopt);
    texts_.set_suffix(fmt::format("-{}", milliseconds(support::now_s())));
    if (!settings_.run_id.empty()) {
      for (const auto& [key, value] : mapped_tags(settings_.tags)) batch_.set_tag(key, value);
    }
    // A replay may fill gaps between delivered rows; the server knows identical points.
    if (is_replay_) run.last_steps.clear();
    if (!run.last_steps.empty()) {
      say(
          fmt::format("run {} goes on; steps of a metric that are on the server already are not "
                      "sent again",
                      run.id));
    }
  }
  for (auto& [key, entry] : keys_) {
    if (const auto found = run.last_steps.find(entry.mapped); found != run.last_steps.end()) {
      entry.last_step = found->second;
    }
  }
  run_ = std::move(run);
  return *run_;
}

void MlflowTracker::store_init_configuration(const Config& config) {
  std::map<std::string, std::string> params;
  std::vector<std::string> too_long;
  for (const auto& [key, value] : flatten(config)) {
    auto text = to_text(value);
    if (text.size() > max_param_bytes) {
      too_long.push_back(escape_unprintable(key));
    } else {
      params[mlflow::map_key(key).text] = std::move(text);
    }
  }
  if (!too_long.empty()) {
    say(fmt::format("left out of the params, because they have more than {} bytes: {}",
                    max_param_bytes, fmt::join(too_long, ", ")));
  }
  send_params(params);
}

void MlflowTracker::send_params(const std::map<std::string, std::string>& params) {
  std::map<std::string, std::string> chunk;
  std::size_t n_bytes = 0;
  for (const auto& [key, value] : params) {
    chunk[key] = value;
    n_bytes += key.size() + value.size();
    if (chunk.size() < max_params && n_bytes < mlflow::Batch::max_bytes / 2) continue;
    send_param_chunk(chunk);
    chunk.clear();
    n_bytes = 0;
  }
  if (!chunk.empty()) send_param_chunk(chunk);
}

// Params are written once: a resumed job may not change them. The server refuses the whole request
// then, so each is tried alone.
void MlflowTracker::send_param_chunk(const std::map<std::string, std::string>& params) {
  const auto request = [&](const std::map<std::string, std::string>& some) {
    return fmt::format("{{\"run_id\":{},\"params\":{}}}", json_quote(require_run().id),
                       mlflow::tags_json(some, max_param_bytes));
  };
  try {
    service_->log_batch(request(params));
    return;
  } catch (const http::Error& error) {
    if (error.refusal().status != 400) throw;
  }
  std::vector<std::string> refused;
  std::string why;
  for (const auto& param : params) {
    try {
      service_->log_batch(request({param}));
    } catch (const http::Error& error) {
      if (error.refusal().status != 400) throw;
      refused.push_back(param.first);
      if (why.empty()) why = error.what();
    }
  }
  if (!refused.empty()) {
    say(fmt::format("the server refused params {}: {}", fmt::join(refused, ", "), why));
  }
}

const MlflowTracker::Key& MlflowTracker::key_of(std::string_view key) {
  const auto found = keys_.find(key);
  if (found != keys_.end()) return found->second;
  auto mapped = mlflow::map_key(key);
  Key entry;
  entry.quoted = json_quote(mapped.text);
  if (run_) {
    const auto last = run_->last_steps.find(mapped.text);
    if (last != run_->last_steps.end()) entry.last_step = last->second;
  }
  if (!mapped.digest.empty()) batch_.set_tag("ranklog.key." + mapped.digest, key);
  entry.mapped = std::move(mapped.text);
  return keys_.emplace(std::string(key), std::move(entry)).first->second;
}

void MlflowTracker::log(const Record& record, const Config& options) {
  ledger_.begin_row();
  try {
    require_run();  // before the first row, because a resumed run says what it has
    for (const Metric& metric : record.metrics) {
      support::for_each_value(metric, settings_.expansion, name_buffer_,
                              [&](const support::NamedValue& value) { add_value(value, record); });
    }
  } catch (const http::Error&) {
    const bool was_said = ledger_.has_ended_before();
    ledger_.damage_row();
    ledger_.end_row(record.row_step);
    if (!was_said) throw;  // said once; the rows are counted
    return;
  }
  ledger_.end_row(record.row_step);
  if (batch_.is_full()) send_batch();
  support::reject_log_options(tracker_name, options);
}

void MlflowTracker::add_value(const support::NamedValue& value, const Record& record) {
  const Key& key = key_of(value.name);
  if (value.kind == support::NamedValue::Kind::text) {
    batch_.set_tag(key.mapped, value.text);
    texts_.add(value.name, record.row_step, record.time, value.text);
    return;
  }
  if (key.last_step && record.row_step <= *key.last_step) return;
  if (value.kind == support::NamedValue::Kind::integer) warn_of_rounding(value.name, value.integer);
  if (batch_.is_full()) send_batch();
  batch_.add_metric(key.quoted, value.real, milliseconds(record.time), record.row_step);
}

void MlflowTracker::warn_of_rounding(std::string_view key, std::int64_t value) {
  constexpr std::int64_t exact = std::int64_t{1} << 53;
  if (has_warned_of_rounding_ || (value >= -exact && value <= exact)) return;
  has_warned_of_rounding_ = true;
  say(fmt::format("numbers are doubles there: {} = {} and other integers beyond 2^53 are rounded",
                  escape_unprintable(key), value));
}

void MlflowTracker::send_batch() {
  try {
    if (batch_.has_content()) service_->log_batch(batch_.request(require_run().id));
    batch_.clear();
    ledger_.confirm_pending();
  } catch (const http::Error& error) {
    ledger_.note(error);
    ledger_.lose_pending();
    batch_.clear();
    if (error.fault() != Fault::cancelled) throw;
  }
}

void MlflowTracker::send_texts() {
  texts_sent_at_ = std::chrono::steady_clock::now();
  for (auto& file : texts_.changed()) {
    put_artifact(file.path, std::move(file.bytes));
    texts_.confirm(file.key);
  }
}

void MlflowTracker::put_artifact(std::string_view path, std::string bytes,
                                 const std::filesystem::path& file) {
  service_->put_artifact(require_run(), path, std::move(bytes), file);
}

bool MlflowTracker::log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                               const Config& options) {
  support::reject_log_options(tracker_name, options);
  for (const auto& item : images) {
    for (std::size_t i = 0; i < item.images.size(); ++i) {
      const Image& image = item.images[i];
      put_artifact(mlflow::image_path(item.name, when, i, support::image_extension(image)),
                   support::image_file(image));
    }
  }
  batch_.set_tag("mlflow.loggedImages", "True");
  return true;
}

bool MlflowTracker::log_table(const std::string& key, const Table& table, const MediaTime& when,
                              const Config& options) {
  support::reject_log_options(tracker_name, options);
  const auto path =
      fmt::format("tables/{}/step-{}.json", mlflow::map_file_name(key), when.row_step);
  put_artifact(path, mlflow::table_json(table));
  const auto entry = fmt::format("{{\"path\":{},\"type\":\"table\"}}", json_quote(path));
  if (tables_tag_.size() + entry.size() + 3 < mlflow::max_tag_bytes) {
    tables_tag_ += (tables_tag_.empty() ? "" : ",") + entry;
    batch_.set_tag("mlflow.loggedArtifacts", '[' + tables_tag_ + ']');
  }
  return true;
}

bool MlflowTracker::log_figure(const Figure& figure, const MediaTime&, const Config& options) {
  support::reject_log_options(tracker_name, options);
  put_artifact(figure.file_name, figure.bytes);
  return true;
}

bool MlflowTracker::log_artifact(const Artifact& artifact, const MediaTime&,
                                 const Config& options) {
  namespace fs = std::filesystem;
  support::reject_log_options(tracker_name, options);
  const std::string folder = artifact.artifact_path.empty() ? "" : artifact.artifact_path + '/';
  if (!fs::is_directory(artifact.path)) {
    put_artifact(folder + artifact.path.filename().string(), {}, artifact.path);
    return true;
  }
  for (const auto& entry : fs::recursive_directory_iterator(artifact.path)) {
    if (!entry.is_regular_file()) continue;
    put_artifact(folder + entry.path().lexically_relative(artifact.path).generic_string(), {},
                 entry.path());
  }
  return true;
}

void MlflowTracker::flush() {
  if (ledger_.has_ended()) return;
  send_batch();
  const bool is_due = std::chrono::steady_clock::now() - texts_sent_at_ >= text_interval;
  // Nobody logs the texts of a replay again once flush() has returned.
  if (is_due || is_replay_) send_texts();
}

void MlflowTracker::finish(const RunOutcome& outcome) {
  if (ledger_.has_ended()) return;
  try {
    require_run();
    if (!outcome.reason.empty()) batch_.set_tag("ranklog.outcome", outcome.reason);
    send_batch();
    send_texts();
    if (outcome.status != RunStatus::running) {
      service_->update_run(run_->id, end_status(outcome), milliseconds(support::end_s(outcome)));
    }
  } catch (const http::Error& error) {
    if (error.fault() != Fault::cancelled) throw;
  }
  if (texts_.n_left_out() > 0) {
    say(fmt::format("{} texts are in their tags only: their tables hold {} MiB at most",
                    texts_.n_left_out(), mlflow::TextTables::max_bytes >> 20));
  }
}

void MlflowTracker::cancel() noexcept { service_->cancel(); }

std::optional<Undelivered> MlflowTracker::undelivered() const { return ledger_.undelivered(); }

std::unique_ptr<GeneralTracker> make_mlflow_tracker() { return std::make_unique<MlflowTracker>(); }

std::string mlflow_left_out_because() {
  const char* uri = std::getenv("MLFLOW_TRACKING_URI");
  return uri == nullptr || *uri == '\0' ? "MLFLOW_TRACKING_URI is not set" : "";
}

}  // namespace ranklog::trackers
