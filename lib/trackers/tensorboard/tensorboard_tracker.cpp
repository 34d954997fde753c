#include "trackers/tensorboard/tensorboard_tracker.hpp"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "ranklog/error.hpp"
#include "trackers/support/record_file.hpp"
#include "trackers/support/run_output.hpp"
#include "trackers/tensorboard/event_messages.hpp"
#include "trackers/tensorboard/event_writer.hpp"
#include "trackers/tensorboard/hparams_yaml.hpp"

namespace ranklog::trackers {
namespace {

constexpr std::string_view tracker_name = "tensorboard";
// Through a second name, so that a reader never meets half a file.
void replace_file(const std::filesystem::path& path, std::string_view contents) {
  std::filesystem::path part = path;
  part += ".part";
  std::error_code error;
  std::filesystem::remove(part, error);
  support::RecordFile file(part);
  file.append(contents);
  file.close();
  std::filesystem::rename(part, path, error);
  if (error) {
    throw IoError(fmt::format("cannot write '{}': {}", path.string(), error.message()));
  }
}

}  // namespace

TensorBoardTracker::TensorBoardTracker() : event_(std::make_unique<tensorboard_proto::Event>()) {}

TensorBoardTracker::~TensorBoardTracker() = default;

void TensorBoardTracker::start(const TrackerContext& context) {
  tracking::OptionReader options(tracker_name, context.options);
  expansion_ = support::read_expansion(tracker_name, options);
  const auto flush_interval = support::read_flush_interval(tracker_name, options);
  options.reject_unknown();
  run_dir_ = support::require_run_dir(tracker_name, context);
  file_ = std::make_shared<EventWriter>(run_dir_, flush_interval);
  native_.emplace(file_);
}

void TensorBoardTracker::store_init_configuration(const Config& config) {
  for (const auto& [key, value] : config.items()) config_.set(key, value);
  file_->write(hparams_event(config_, support::now_s()));
  has_config_ = true;
  replace_file(run_dir_ / "hparams.yml", to_yaml(config_));
}

void TensorBoardTracker::log(const Record& record, const Config& options) {
  begin_event(*event_, record.row_step, record.time);
  for (const Metric& metric : record.metrics) add_metric(metric);
  if (event_->summary().value_size() > 0) file_->write(*event_);
  support::reject_log_options(tracker_name, options);
}

void TensorBoardTracker::add_metric(const Metric& metric) {
  support::for_each_value(metric, expansion_, name_buffer_, [&](const support::NamedValue& value) {
    if (value.kind == support::NamedValue::Kind::text) {
      add_text(*event_, value.name, value.text);
    } else {
      add_scalar(*event_, value.name, value.real);
    }
  });
}

void TensorBoardTracker::flush() { file_->flush(); }

void TensorBoardTracker::finish(const RunOutcome& outcome) {
  if (has_config_) file_->write(session_end_event(outcome.status, support::now_s()));
  file_->close();
}

NativeHandle TensorBoardTracker::native() {
  return native_ ? native_handle(*native_) : NativeHandle{};
}

std::unique_ptr<GeneralTracker> make_tensorboard_tracker() {
  return std::make_unique<TensorBoardTracker>();
}

}  // namespace ranklog::trackers
