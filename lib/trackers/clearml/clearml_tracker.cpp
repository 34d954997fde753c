#include "trackers/clearml/clearml_tracker.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "core/text.hpp"
#include "http/mime_type.hpp"
#include "ranklog/error.hpp"
#include "trackers/clearml/clearml_online.hpp"
#include "trackers/clearml/clearml_session.hpp"
#include "trackers/support/console_text.hpp"
#include "trackers/support/image_file.hpp"
#include "trackers/support/json_text.hpp"
#include "trackers/support/row_ledger.hpp"
#include "trackers/support/run_output.hpp"
#include "trackers/support/zip_archive.hpp"
#include "tracking/reporter.hpp"

namespace ranklog::trackers {
namespace {

namespace fs = std::filesystem;
using clearml::EventKind;
using clearml::When;
constexpr std::string_view tracker_name = "clearml";

void say(const std::string& text) { tracking::report("clearml: " + text); }

When when_of(const MediaTime& when) { return {when.row_step, support::milliseconds(when.time)}; }

clearml::TaskDescription describe(const clearml::Settings& settings,
                                  const TrackerContext& context) {
  Config run{{"run_id", context.run_id}, {"n_ranks", context.n_ranks}};
  Config script;
  if (context.provenance) {
    for (const auto& [name, value] : context.provenance->facts.items()) {
      if (name == "executable") script.set("entry_point", to_text(value));
      if (name == "git_commit") script.set("version_num", to_text(value));
      if (name == "user" || name == "hostname" || name == "git_commit") run.set(name, value);
    }
  }
  clearml::TaskDescription task;
  task.project_name = settings.project_name;
  task.name = settings.task_name;
  task.type = settings.task_type;
  task.comment = settings.comment;
  append_json(task.tags, ConfigValue(settings.tags));
  append_json(task.script, script);
  task.run_facts = clearml::hyper_parameters(run, clearml::run_section);
  return task;
}

// A zip archive of a folder while it is uploaded.
class TemporaryArchive {
 public:
  explicit TemporaryArchive(const fs::path& folder) {
    std::string name = (fs::temp_directory_path() / "ranklog-XXXXXX.zip").string();
    const int descriptor = ::mkstemps(name.data(), 4);
    if (descriptor < 0) throw IoError(fmt::format("cannot make a file like '{}'", name));
    ::close(descriptor);
    path_ = name;
    support::zip_folder(folder, path_);
  }
  ~TemporaryArchive() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  TemporaryArchive(const TemporaryArchive&) = delete;
  TemporaryArchive& operator=(const TemporaryArchive&) = delete;
  [[nodiscard]] const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

}  // namespace

ClearmlTracker::ClearmlTracker(support::Environment environment)
    : environment_(std::move(environment)) {}

ThreadAffinity ClearmlTracker::thread_affinity() const {
  return settings_.is_online ? ThreadAffinity::sender : ThreadAffinity::writer;
}

std::optional<std::int64_t> ClearmlTracker::next_step(const fs::path& run_dir) {
  return clearml::OfflineSession::next_step(run_dir / "clearml");
}

void ClearmlTracker::start(const TrackerContext& context) {
  settings_ = clearml::read_settings(context, environment_);
  auto task = describe(settings_, context);
  if (settings_.is_online) {
    target_ = std::make_unique<clearml::OnlineTask>(settings_, std::move(task), context.run_id,
                                                    [this](const std::string& text) {
                                                      if (trouble_limit_.may_report()) say(text);
                                                    });
  } else {
    target_ = std::make_unique<clearml::OfflineSession>(settings_, std::move(task), context);
  }
  for (const auto& note : settings_.notes) say(note);
}

void ClearmlTracker::store_init_configuration(const Config& config) {
  std::string text;
  append_json(text, config);
  target_->store_configuration(text, clearml::hyper_parameters(config, clearml::user_section));
}

void ClearmlTracker::log(const Record& record, const Config& options) {
  target_->begin_row();
  try {
    const auto& task = target_->task_id();
    for (const Metric& metric : record.metrics) {
      support::for_each_value(
          metric, settings_.expansion, name_buffer_,
          [&](const support::NamedValue& value) { add_value(value, record, task); });
    }
  } catch (const http::Error&) {
    if (target_->end_row(record.row_step, false)) throw;  // else said once; the rows are counted
    return;
  }
  target_->end_row(record.row_step, true);
  support::reject_log_options(tracker_name, options);
}

void ClearmlTracker::add_value(const support::NamedValue& value, const Record& record,
                               const std::string& task) {
  const auto time_ms = support::milliseconds(record.time);
  if (value.kind == support::NamedValue::Kind::text) {
    const auto line = support::console_text(record.step, value.name, value.text);
    target_->add_event(EventKind::log, clearml::log_event(task, line, time_ms));
    return;
  }
  number_.clear();
  if (value.kind == support::NamedValue::Kind::integer) {
    append_json(number_, value.integer);
  } else if (std::isfinite(value.real)) {
    append_json(number_, value.real);
  } else {  // JSON has no such numbers, and ClearML's own client would write 0
    if (n_not_finite_++ == 0) say("values that are not finite are left out: ClearML has none");
    return;
  }
  if (!record.step) {
    target_->add_event(EventKind::metric,
                       clearml::scalar_event(task, clearml::place_of_single_value(value.name),
                                             {clearml::single_value_iteration, time_ms}, number_));
    return;
  }
  auto place = places_.find(value.name);
  if (place == places_.end()) {
    place =
        places_
            .emplace(std::string(value.name), clearml::place_of(value.name, settings_.series_rule))
            .first;
  }
  target_->add_event(EventKind::metric,
                     clearml::scalar_event(task, place->second, {*record.step, time_ms}, number_));
}

std::string ClearmlTracker::folder_of(std::string_view what) {
  return fmt::format("{}/{}.{}/{}", clearml::path_part(settings_.project_name),
                     clearml::path_part(settings_.task_name), target_->task_id(), what);
}

void ClearmlTracker::add_sample(const std::string& key, const std::string& series,
                                const MediaTime& when, std::string_view extension,
                                std::string bytes) {
  const auto path =
      fmt::format("{}/{}/{}_{}{}", folder_of("metrics"), clearml::path_part(key),
                  clearml::path_part(series), when.row_step, clearml::path_part(extension));
  const auto url = target_->put_file(path, {std::move(bytes), {}});
  target_->add_event(EventKind::metric,
                     clearml::image_event(target_->task_id(), {json_quote(key), json_quote(series)},
                                          when_of(when), path, url));
}

bool ClearmlTracker::log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                                const Config& options) {
  support::reject_log_options(tracker_name, options);
  for (const ImageItem& item : images) {
    for (std::size_t i = 0; i < item.images.size(); ++i) {
      const Image& image = item.images[i];
      add_sample(item.name, std::to_string(i), when, support::image_extension(image),
                 support::image_file(image));
    }
  }
  return true;
}

void ClearmlTracker::add_plot(const std::string& key, const MediaTime& when,
                              const std::string& plot) {
  target_->add_event(
      EventKind::metric,
      clearml::plot_event(target_->task_id(), clearml::place_of(key, settings_.series_rule),
                          when_of(when), plot));
}

bool ClearmlTracker::log_table(const std::string& key, const Table& table, const MediaTime& when,
                               const Config& options) {
  support::reject_log_options(tracker_name, options);
  add_plot(key, when, clearml::plot_of(table, key));
  return true;
}

bool ClearmlTracker::log_histogram(const std::string& key, const Histogram& histogram,
                                   const MediaTime& when, const Config& options) {
  support::reject_log_options(tracker_name, options);
  add_plot(key, when, clearml::plot_of(histogram, key));
  return true;
}

bool ClearmlTracker::log_figure(const Figure& figure, const MediaTime& when,
                                const Config& options) {
  support::reject_log_options(tracker_name, options);
  const fs::path name = figure.file_name;
  const auto folder = name.parent_path().generic_string();
  add_sample(folder.empty() ? "figures" : folder, name.stem().string(), when,
             name.extension().string(), figure.bytes);
  return true;
}

bool ClearmlTracker::log_artifact(const Artifact& artifact, const MediaTime& when,
                                  const Config& options) {
  support::reject_log_options(tracker_name, options);
  std::optional<TemporaryArchive> archive;
  fs::path file = artifact.path;
  std::string name = artifact.path.filename().string();
  if (fs::is_directory(artifact.path)) {
    archive.emplace(artifact.path);
    file = archive->path();
    name += ".zip";
  }
  const auto key = (fs::path(artifact.artifact_path) / artifact.path.filename()).generic_string();
  const auto uri = target_->put_file(fmt::format("{}/{}/{}", folder_of("artifacts"),
                                                 clearml::path_part(key), clearml::path_part(name)),
                                     {{}, file});
  target_->add_artifact(fmt::format(
      R"({{"key":{},"type":"{}","mode":"output","uri":{},"content_size":{},"timestamp":{},)"
      R"("type_data":{{"content_type":"{}","preview":{}}}}})",
      json_quote(key), archive ? "archive" : "custom", json_quote(uri), fs::file_size(file),
      support::milliseconds(when.time) / 1000, http::mime_type(name), json_quote(name)));
  return true;
}

void ClearmlTracker::flush() { target_->flush(); }

void ClearmlTracker::finish(const RunOutcome& outcome) {
  if (n_not_finite_ > 0) say(fmt::format("{} values were not finite", n_not_finite_));
  target_->finish(outcome);
}

void ClearmlTracker::cancel() noexcept {
  if (target_) target_->cancel();
}

std::optional<Undelivered> ClearmlTracker::undelivered() const { return target_->undelivered(); }

std::unique_ptr<GeneralTracker> make_clearml_tracker() {
  return std::make_unique<ClearmlTracker>([](const char* name) { return std::getenv(name); });
}

}  // namespace ranklog::trackers
