#include "trackers/aim/aim_tracker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/aim/aim_hash.hpp"
#include "trackers/aim/aim_objects.hpp"
#include "trackers/support/run_output.hpp"
#include "tracking/reporter.hpp"

namespace ranklog::trackers {
namespace {

using aim::Path;
using http::Fault;
constexpr std::string_view tracker_name = "aim";

void say(const std::string& text) { tracking::report("aim: " + text); }

// The facts of a run that its page should show.
Config facts_of(const TrackerContext& context) {
  Config facts{{"run_id", context.run_id}, {"n_ranks", context.n_ranks}};
  if (!context.provenance) return facts;
  for (const char* name : {"user", "executable", "git_commit"}) {
    if (const auto* fact = context.provenance->facts.find(name)) facts.set(name, *fact);
  }
  return facts;
}

Config merged(Config base, const Config& more) {
  for (const auto& item : more.items()) base.set(item.key, item.value);
  return base;
}

}  // namespace

void AimTracker::start(const TrackerContext& context) {
  settings_ = aim::read_settings(context, [](const char* name) { return std::getenv(name); });
  facts_ = facts_of(context);
  const bool is_own = settings_.run_hash.empty();
  run_ = is_own ? aim::own_hash(context) : settings_.run_hash;
  service_ = std::make_unique<aim::Service>(
      settings_.client,
      aim::RunTarget{run_, support::start_s(context), is_own || context.is_resumed},
      [this](const std::string& text) {
        if (trouble_limit_.may_report()) say(text);
      });
}

void AimTracker::open() {
  ledger_.require_open();
  if (is_open_) return;
  try {
    service_->open();
    prepare_run();
  } catch (const http::Error& error) {
    // Without a run nothing can be delivered.
    const bool is_final = error.fault() == Fault::refused && !error.is_transient();
    ledger_.note(is_final ? http::Error(Fault::refused, error.what()) : error);
    throw;
  }
  is_open_ = true;
}

void AimTracker::prepare_run() {
  const auto& at = service_->handlers();
  was_there_ = service_->read({"meta", "chunks", run_, "end_time"}).has_value();
  head_.set(at.meta, {"meta", "chunks", run_, "end_time"}, ConfigValue());
  if (!was_there_) {
    head_.set(at.meta, {"meta", "chunks", run_, "attrs"}, Config());
    head_.set(at.meta, {"meta", "attrs"}, Config());
    head_.set_attribute(at.properties, "name", settings_.run_name);
    head_.set_attribute(at.properties, "experiment", settings_.experiment);
    if (!settings_.description.empty()) {
      head_.set_attribute(at.properties, "description", settings_.description);
    }
    for (const auto& tag : settings_.tags) service_->add_tag(tag);
  }
  set_params("ranklog", facts_);
}

// Aim's pages search one copy and show the other.
void AimTracker::set_params(const std::string& name, const Config& params) {
  const auto& meta = service_->handlers().meta;
  head_.set(meta, {"meta", "chunks", run_, "attrs", name}, params);
  head_.set(meta, {"meta", "attrs", name}, params);
}

void AimTracker::store_init_configuration(const Config& config) {
  open();
  set_params("hparams", config);
  send_pending();
}

AimTracker::Call AimTracker::read_call(const Config& options) {
  Call call;
  tracking::OptionReader reader(tracker_name, options);
  const auto own = reader.dictionary("context");
  const auto epoch = reader.integer("epoch", 0);
  if (options.find("epoch") != nullptr) call.epoch = epoch;
  reader.reject_unknown();
  call.context = own.empty() ? settings_.context : merged(settings_.context, own);
  call.context_hash = context_of(call.context);
  return call;
}

std::int64_t AimTracker::context_of(const Config& context) {
  const auto hash = aim::hash_of(context);
  if (contexts_.emplace(hash, context).second) {
    const auto& meta = service_->handlers().meta;
    head_.set(meta, {"meta", "contexts", hash}, context);
    head_.set(meta, {"meta", "chunks", run_, "contexts", hash}, context);
  }
  return hash;
}

void AimTracker::log(const Record& record, const Config& options) {
  ledger_.begin_row();
  try {
    open();
    const Call call = read_call(options);
    for (const Metric& metric : record.metrics) {
      support::for_each_value(
          metric, settings_.expansion, name_buffer_,
          [&](const support::NamedValue& value) { add_value(value, record, call); });
    }
  } catch (const std::exception&) {
    const bool was_said = ledger_.has_ended_before();
    ledger_.damage_row();
    ledger_.end_row(record.row_step);
    if (!was_said) throw;
    return;  // the rows are counted
  }
  ledger_.end_row(record.row_step);
  constexpr std::size_t many_points = 4096;
  if (n_pending_ >= many_points) send_pending();
}

void AimTracker::add_value(const support::NamedValue& value, const Record& record,
                           const Call& call) {
  using Kind = support::NamedValue::Kind;
  aim::Point point;
  std::string_view type = aim::text_type;
  if (value.kind == Kind::text) {
    point = aim::text_point(value.text);
  } else if (value.kind == Kind::integer) {
    point.value = value.integer;
    type = aim::integer_type;
  } else {
    point.value = value.real;
    type = aim::real_type;
  }
  point.step = record.row_step;
  point.time = record.time;
  point.epoch = call.epoch;
  auto context = call.context_hash;
  if (value.rank >= 0) {
    Config of_rank = call.context;
    of_rank.set("rank", value.rank);
    if (value.element >= 0) of_rank.set("element", value.element);
    context = context_of(of_rank);
  }
  const auto name = value.rank < 0 ? value.name : value.key;
  if (add_point(context, name, type, std::move(point))) return;
  ledger_.damage_row();
  if (refused_.emplace(name).second) {
    say(fmt::format("'{}' holds {} on the server, which takes no {} beside them",
                    escape_unprintable(name), escape_unprintable(series_of(context, name).type()),
                    type));
  }
}

aim::Series& AimTracker::series_of(std::int64_t context, std::string_view name) {
  const auto found = series_.find(SeriesKey(context, name));
  if (found != series_.end()) return found->second;
  aim::Series series(run_, context, std::string(name));
  if (was_there_) {
    if (const auto stored = service_->read(series.info_path())) {
      aim::SeriesState state;
      state.type = stored->text({"dtype"}).value_or(std::string(aim::real_type));
      constexpr auto latest = std::numeric_limits<std::int64_t>::max() - 1;
      if (const auto last = stored->integer({"last_step"})) {
        state.next_step = std::min(*last, latest) + 1;
      }
      state.min = stored->number({"min"}).value_or(state.min);
      state.max = stored->number({"max"}).value_or(state.max);
      state.most_images = stored->integer({"record_max_length"}).value_or(0);
      series.resume(std::move(state));
    }
  }
  return series_.emplace(SeriesKey(context, name), std::move(series)).first->second;
}

bool AimTracker::add_point(std::int64_t context, std::string_view name, std::string_view type,
                           aim::Point point) {
  const std::size_t n_bytes = point.n_bytes;
  if (!series_of(context, name).add(type, std::move(point))) return false;
  ++n_pending_;
  pending_bytes_ += n_bytes;
  return true;
}

void AimTracker::add_media(const std::string& name, std::string_view type, aim::Point point,
                           const MediaTime& when, const Config& options) {
  open();
  const Call call = read_call(options);
  point.step = when.row_step;
  point.time = when.time;
  point.epoch = call.epoch;
  if (!add_point(call.context_hash, name, type, std::move(point))) {
    throw InvalidValueError(fmt::format(
        "'{}' holds {} on the Aim server, which takes no {} beside them", escape_unprintable(name),
        escape_unprintable(series_of(call.context_hash, name).type()), type));
  }
  constexpr std::size_t many_bytes = std::size_t{1} << 20;
  if (pending_bytes_ >= many_bytes) send_pending();
}

bool AimTracker::log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                            const Config& options) {
  open();
  for (const auto& item : images) {
    if (item.images.empty()) continue;
    const auto context = read_call(options).context_hash;
    // One image stands for itself, unless the key has begun with several.
    const bool is_list =
        item.images.size() > 1 || series_of(context, item.name).type() == aim::images_type;
    add_media(item.name, is_list ? aim::images_type : aim::image_type,
              is_list ? aim::images_point(item.images) : aim::image_point(item.images.front()),
              when, options);
  }
  return true;
}

bool AimTracker::log_histogram(const std::string& key, const Histogram& histogram,
                               const MediaTime& when, const Config& options) {
  auto point = aim::histogram_point(histogram);
  if (!point) return false;
  add_media(key, aim::histogram_type, std::move(*point), when, options);
  return true;
}

bool AimTracker::log_figure(const Figure& figure, const MediaTime& when, const Config& options) {
  std::optional<Image> image;
  try {
    image = Image::encoded(figure.bytes);
  } catch (const InvalidValueError&) {
    return false;  // neither PNG nor JPEG
  }
  add_media(figure.file_name, aim::image_type, aim::image_point(*image), when, options);
  return true;
}

void AimTracker::send_pending() {
  try {
    send_frames();
    ledger_.confirm_pending();
  } catch (const http::Error& error) {
    ledger_.note(error);
    ledger_.lose_pending();
    drop_pending();
    if (error.fault() != Fault::cancelled) throw;
  }
}

void AimTracker::send_frames() {
  const auto& at = service_->handlers();
  if (!head_.empty()) {
    service_->send(head_.bytes());
    head_ = {};
  }
  aim::Frame frame;
  for (auto& [key, series] : series_) {
    while (series.has_pending()) {
      series.write(frame, at);
      if (frame.bytes().size() < aim::Frame::wanted_bytes) continue;
      service_->send(frame.bytes());
      frame = {};
    }
  }
  if (!frame.empty()) service_->send(frame.bytes());
  for (auto& [key, series] : series_) series.confirm();
  n_pending_ = 0;
  pending_bytes_ = 0;
}

void AimTracker::drop_pending() {
  for (auto& [key, series] : series_) series.forget();
  n_pending_ = 0;
  pending_bytes_ = 0;
}

void AimTracker::flush() {
  if (is_open_ && !ledger_.has_ended()) send_pending();
}

void AimTracker::finish(const RunOutcome& outcome) {
  if (ledger_.has_ended()) return;
  try {
    send_end(outcome);
  } catch (const http::Error& error) {
    service_->close();
    if (error.fault() != Fault::cancelled) throw;
  }
  service_->close();
}

// The end only after all points: it says that the run is complete.
void AimTracker::send_end(const RunOutcome& outcome) {
  open();
  if (!outcome.reason.empty()) {
    facts_.set("outcome", outcome.reason);
    set_params("ranklog", facts_);
  }
  send_pending();
  if (outcome.status == RunStatus::running) return;
  head_.set(service_->handlers().meta, {"meta", "chunks", run_, "end_time"},
            support::end_s(outcome));
  send_pending();
}

void AimTracker::cancel() noexcept { service_->cancel(); }

std::optional<Undelivered> AimTracker::undelivered() const { return ledger_.undelivered(); }

std::unique_ptr<GeneralTracker> make_aim_tracker() { return std::make_unique<AimTracker>(); }

std::string aim_left_out_because() {
  const char* repo = std::getenv("RANKLOG_AIM_REPO");
  return repo == nullptr || *repo == '\0' ? "RANKLOG_AIM_REPO is not set" : "";
}

}  // namespace ranklog::trackers
