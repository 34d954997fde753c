#include "trackers/wandb/wandb_tracker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/support/json_text.hpp"
#include "trackers/support/run_output.hpp"
#include "trackers/support/scalar_names.hpp"
#include "trackers/wandb/earlier_log.hpp"
#include "trackers/wandb/run_directory.hpp"
#include "trackers/wandb/run_messages.hpp"
#include "tracking/tracker_options.hpp"

namespace ranklog::trackers {
namespace {

using namespace wandb;  // NOLINT: this file is the tracker of that namespace
namespace fs = std::filesystem;

constexpr std::string_view tracker_name = "wandb";
constexpr auto every_step = std::numeric_limits<std::int64_t>::max();

// Keys that W&B itself writes into every row.
bool is_reserved(std::string_view key) {
  return key == "_step" || key == "_runtime" || key == "_timestamp" || key == "_wandb";
}

// Truth values stay truth values where the reduction keeps them; a sum of them is a number.
bool is_truth_value(const MetricInfo& info) {
  return info.kind == Kind::boolean && info.reduction != Reduction::sum &&
         info.reduction != Reduction::gather && info.has_integer_value();
}

}  // namespace

WandbTracker::WandbTracker(Environment environment) : environment_(std::move(environment)) {}

std::optional<std::int64_t> WandbTracker::next_step(const fs::path& run_dir) {
  const auto log = find_log(run_dir, "");
  if (!log) return std::nullopt;
  std::int64_t next = 0;
  (void)read_log(*log, every_step,
                 [&](const auto& row) { next = std::max(next, row.step().num() + 1); });
  return next;
}

void WandbTracker::start(const TrackerContext& context) {
  settings_ = read_settings(context, environment_);
  if (settings_.is_disabled) return;
  const double begun = support::start_s(context);
  const auto earlier =
      context.is_resumed ? find_log(settings_.directory, settings_.id) : std::nullopt;
  if (earlier && !is_synced(*earlier)) continue_log(*earlier, context, begun);
  if (!log_) begin_log(context, begun);
  if (earlier && is_synced(*earlier)) take_over_synced(*earlier);
  auto environment = environment_record(settings_, context, begun);
  log_->write(environment);
  if (settings_.system_metrics_interval.count() > 0) {
    system_metrics_.emplace(settings_.system_metrics_interval);
  }
  if (!settings_.console_file.empty()) console_.emplace(settings_.console_file);
  // `wandb sync` refuses all runs that it was given if one has no run record.
  log_->flush();
}

void WandbTracker::begin_log(const TrackerContext& context, double begun) {
  const fs::path run = make_run_directory(settings_.directory, settings_.id, begun);
  log_ = std::make_unique<RunLog>(run / fmt::format("run-{}.wandb", settings_.id),
                                  settings_.flush_interval);
  history_ = std::make_unique<History>(*log_, begun, context.is_replay);
  media_ = std::make_unique<MediaFiles>(run / "files", *log_);
  auto header = header_record();
  log_->write(header);
  auto record = run_record(settings_, context, begun);
  log_->write(record);
  history_->define(settings_.metrics);
}

// One log for all attempts: what the earlier one wrote at the steps that are run again is cut off.
void WandbTracker::continue_log(const fs::path& log, const TrackerContext& context, double begun) {
  const std::int64_t from_step = context.from_step;
  const Kept kept = read_log(log, from_step, [](const auto&) {});
  if (kept.n_records == 0) return;
  log_ = std::make_unique<RunLog>(log, settings_.flush_interval, kept.end, kept.n_records);
  history_ = std::make_unique<History>(*log_, begun, context.is_replay);
  history_->define(settings_.metrics);
  (void)read_log(log, from_step, [&](const auto& row) { history_->take_written(row); });
  media_ = std::make_unique<MediaFiles>(log.parent_path() / "files", *log_);
}

// The server has those rows, and would keep them beside new ones of the same step.
void WandbTracker::take_over_synced(const fs::path& log) {
  (void)read_log(log, every_step, [&](const auto& row) { history_->take_written(row); });
  history_->refuse_written_steps();
}

void WandbTracker::store_init_configuration(const Config& config) {
  if (!log_ || config.empty()) return;
  auto record = config_record(config);
  log_->write(record);
  log_->flush();
}

template <class Fill>
void WandbTracker::log_row(History::Source source, std::optional<std::int64_t> step, double time,
                           const Config& options, Fill fill) {
  if (!log_) return;
  tracking::OptionReader reader(tracker_name, options);
  const bool is_commit = reader.flag("commit", !step.has_value());
  std::exception_ptr failure;
  bool is_open = true;
  try {
    is_open = history_->begin(step, time, source);
  } catch (const Error&) {  // an earlier row could not be written; this one is open
    failure = std::current_exception();
  }
  if (!is_open) {
    throw InvalidStepError(fmt::format(
        "step {} comes too late: W&B takes rows in the order of their steps and has those below "
        "{}; {} row(s) are not in its log",
        step.value_or(-1), history_->first_step(), ++n_late_rows_));
  }
  if (is_commit) history_->commit();
  fill();
  reader.reject_unknown();
  if (failure) std::rethrow_exception(failure);
}

void WandbTracker::log(const Record& record, const Config& options) {
  log_row(History::Source::record, record.step, record.time, options, [&] {
    std::string refused;
    for (const Metric& metric : record.metrics) {
      if (is_reserved(metric.key())) {
        refused = metric.key();
      } else {
        add_metric(metric);
      }
    }
    if (!refused.empty()) {
      throw InvalidKeyError(
          fmt::format("the key '{}' is W&B's own and not written to its log", refused));
    }
  });
  if (log_) write_extras(false);
}

void WandbTracker::add_metric(const Metric& metric) {
  const bool is_truth = is_truth_value(*metric.info);
  support::for_each_value(metric, settings_.expansion, name_,
                          [&](const support::NamedValue& value) {
                            json_.clear();
                            if (is_truth && value.name == metric.key()) {
                              json_ = metric.integer_value != 0 ? "true" : "false";
                            } else if (value.kind == support::NamedValue::Kind::text) {
                              json_ = json_quote(value.text);
                            } else if (value.kind == support::NamedValue::Kind::integer) {
                              append_json(json_, value.integer);
                            } else {
                              append_json(json_, value.real, NonFinite::bare_word);
                            }
                            history_->set(value.name, json_);
                          });
}

bool WandbTracker::log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                              const Config& options) {
  log_row(History::Source::media, when.step, when.time, options, [&] {
    for (const ImageItem& item : images) {
      if (item.images.empty()) continue;
      history_->set(item.name, media_->add_images(item, history_->open_step()));
    }
  });
  return true;
}

bool WandbTracker::log_table(const std::string& key, const Table& table, const MediaTime& when,
                             const Config& options) {
  log_row(History::Source::media, when.step, when.time, options,
          [&] { history_->set(key, media_->add_table(key, table, history_->open_step())); });
  return true;
}

bool WandbTracker::log_histogram(const std::string& key, const Histogram& histogram,
                                 const MediaTime& when, const Config& options) {
  log_row(History::Source::media, when.step, when.time, options,
          [&] { history_->set(key, histogram_json(histogram)); });
  return true;
}

bool WandbTracker::log_figure(const Figure& figure, const MediaTime& when, const Config& options) {
  if (!log_) return true;
  fs::path key = figure.file_name;
  const std::string extension = key.extension().string();
  key.replace_extension();
  if (extension == ".png" || extension == ".jpg" || extension == ".jpeg") {
    return log_images({{key.string(), Image::encoded(figure.bytes)}}, when, options);
  }
  if (extension != ".html") {  // W&B has no panel for it: a file of the run
    media_->add_file(figure.file_name, figure.bytes);
    return true;
  }
  log_row(History::Source::media, when.step, when.time, options, [&] {
    history_->set(key.string(),
                  media_->add_html(key.string(), figure.bytes, history_->open_step()));
  });
  return true;
}

bool WandbTracker::log_artifact(const Artifact& artifact, const MediaTime&, const Config& options) {
  if (!log_) return true;
  media_->add_artifact(artifact);
  support::reject_log_options(tracker_name, options);
  return true;
}

void WandbTracker::write_extras(bool is_end) {
  if (system_metrics_) system_metrics_->write(*log_);
  if (console_) console_->write(*log_, is_end);
}

void WandbTracker::flush() {
  if (!log_) return;
  history_->write_all();
  on_idle();
}

void WandbTracker::on_idle() {
  if (!log_) return;
  history_->write_settled();
  history_->write_summary();
  write_extras(false);
  log_->flush();
}

void WandbTracker::finish(const RunOutcome& outcome) {
  if (!log_) return;
  history_->write_all();
  history_->write_summary();
  write_extras(true);
  if (outcome.status == RunStatus::running) {
    log_->close();
    return;
  }
  for (auto record :
       {exit_record(outcome.status, history_->runtime()), final_record(), footer_record()}) {
    log_->write(record);
  }
  log_->close();
}

std::unique_ptr<GeneralTracker> make_wandb_tracker() {
  return std::make_unique<WandbTracker>([](const char* name) { return std::getenv(name); });
}

}  // namespace ranklog::trackers
