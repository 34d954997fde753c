#include "trackers/comet/comet_tracker.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "core/text.hpp"
#include "http/error.hpp"
#include "trackers/comet/comet_archive.hpp"
#include "trackers/comet/comet_online.hpp"
#include "trackers/support/console_text.hpp"
#include "trackers/support/image_file.hpp"
#include "trackers/support/json_text.hpp"
#include "trackers/support/row_ledger.hpp"
#include "trackers/support/run_output.hpp"
#include "tracking/reporter.hpp"

namespace ranklog::trackers {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view tracker_name = "comet_ml";

void say(const std::string& text) { tracking::report("comet_ml: " + text); }

// Numbers and truth values as they are, all else as text.
std::string parameter_json(const ConfigValue& value) {
  const bool is_text = value.get_if<std::string>() != nullptr ||
                       value.get_if<ConfigValue::List>() != nullptr ||
                       value.get_if<Config>() != nullptr;
  std::string json;
  if (is_text) return json_quote(to_text(value));
  append_json(json, value);
  return json;
}

// RFC 4180.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string csv_of(const Table& table) {
  std::string csv;
  const auto add_field = [&](bool is_first, const std::string& text) {
    if (!is_first) csv += ',';
    csv += csv_field(text);
  };
  for (std::size_t i = 0; i < table.columns().size(); ++i) add_field(i == 0, table.columns()[i]);
  csv += "\r\n";
  for (const Table::Row& row : table.rows()) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      add_field(i == 0, row[i].is_null() ? "" : to_text(row[i]));
    }
    csv += "\r\n";
  }
  return csv;
}

void add_facts(comet::Target& target, const TrackerContext& context) {
  target.set_other("ranklog.run_id", context.run_id);
  target.set_other("ranklog.n_ranks", std::to_string(context.n_ranks));
  if (!context.provenance) return;
  for (const char* const name : {"user", "hostname", "executable", "git_commit"}) {
    const auto* value = context.provenance->facts.find(name);
    if (value != nullptr) target.set_other(fmt::format("ranklog.{}", name), to_text(*value));
  }
}

}  // namespace

CometTracker::CometTracker(support::Environment environment)
    : environment_(std::move(environment)) {}

ThreadAffinity CometTracker::thread_affinity() const {
  return settings_.is_online ? ThreadAffinity::sender : ThreadAffinity::writer;
}

std::optional<std::int64_t> CometTracker::next_step(const fs::path& run_dir) {
  return comet::OfflineArchive::next_step(run_dir / tracker_name);
}

void CometTracker::start(const TrackerContext& context) {
  settings_ = comet::read_settings(context, environment_);
  if (settings_.is_online) {
    target_ = std::make_unique<comet::OnlineExperiment>(settings_, context,
                                                        [this](const std::string& text) {
                                                          if (trouble_limit_.may_report())
                                                            say(text);
                                                        });
  } else {
    target_ = std::make_unique<comet::OfflineArchive>(settings_, context);
  }
  add_facts(*target_, context);
  for (const auto& note : settings_.notes) say(note);
}

void CometTracker::store_init_configuration(const Config& config) {
  for (const auto& [name, value] : flatten(config)) {
    target_->add_parameter(name, parameter_json(value));
  }
}

void CometTracker::log(const Record& record, const Config& options) {
  target_->begin_row();
  try {
    for (const Metric& metric : record.metrics) {
      support::for_each_value(metric, settings_.expansion, name_buffer_,
                              [&](const support::NamedValue& value) { add_value(value, record); });
    }
  } catch (const http::Error&) {
    if (target_->end_row(record.row_step, false)) throw;  // else said once; the rows are counted
    return;
  }
  target_->end_row(record.row_step, true);
  support::reject_log_options(tracker_name, options);
}

void CometTracker::add_value(const support::NamedValue& value, const Record& record) {
  const auto time_ms = support::milliseconds(record.time);
  if (value.kind == support::NamedValue::Kind::text) {
    target_->set_other(std::string(value.name), std::string(value.text));
    target_->add_output(support::console_text(record.step, value.name, value.text), time_ms);
    return;
  }
  comet::Point point{{}, record.step, time_ms};
  if (value.kind == support::NamedValue::Kind::integer) {
    append_json(point.value, value.integer);
  } else {
    append_json(point.value, value.real);
  }
  target_->add_point(value.name, std::move(point));
}

void CometTracker::add_file(std::string name, const MediaTime& when, bool is_image,
                            std::string bytes, const fs::path& path) {
  target_->add_file({std::move(name), is_image, when.step, support::milliseconds(when.time),
                     std::move(bytes), path});
}

bool CometTracker::log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                              const Config& options) {
  support::reject_log_options(tracker_name, options);
  for (const ImageItem& item : images) {
    for (std::size_t i = 0; i < item.images.size(); ++i) {
      const Image& image = item.images[i];
      const auto index = i == 0 ? std::string() : fmt::format("_{}", i);
      add_file(fmt::format("{}{}{}", item.name, index, support::image_extension(image)), when, true,
               support::image_file(image));
    }
  }
  return true;
}

bool CometTracker::log_table(const std::string& key, const Table& table, const MediaTime& when,
                             const Config& options) {
  support::reject_log_options(tracker_name, options);
  add_file(key + ".csv", when, false, csv_of(table));
  return true;
}

bool CometTracker::log_figure(const Figure& figure, const MediaTime& when, const Config& options) {
  support::reject_log_options(tracker_name, options);
  const auto extension = fs::path(figure.file_name).extension();
  const bool is_image = extension == ".png" || extension == ".jpg" || extension == ".jpeg";
  add_file(figure.file_name, when, is_image, figure.bytes);
  return true;
}

bool CometTracker::log_artifact(const Artifact& artifact, const MediaTime& when,
                                const Config& options) {
  support::reject_log_options(tracker_name, options);
  const fs::path base = fs::path(artifact.artifact_path) / artifact.path.filename();
  if (!fs::is_directory(artifact.path)) {
    add_file(base.generic_string(), when, false, {}, artifact.path);
    return true;
  }
  for (const auto& entry : fs::recursive_directory_iterator(artifact.path)) {
    if (!entry.is_regular_file()) continue;
    const auto name = base / entry.path().lexically_relative(artifact.path);
    add_file(name.generic_string(), when, false, {}, entry.path());
  }
  return true;
}

void CometTracker::flush() { target_->flush(); }

void CometTracker::finish(const RunOutcome& outcome) { target_->finish(outcome); }

void CometTracker::cancel() noexcept {
  if (target_) target_->cancel();
}

std::optional<Undelivered> CometTracker::undelivered() const { return target_->undelivered(); }

std::unique_ptr<GeneralTracker> make_comet_tracker() {
  return std::make_unique<CometTracker>([](const char* name) { return std::getenv(name); });
}

}  // namespace ranklog::trackers
