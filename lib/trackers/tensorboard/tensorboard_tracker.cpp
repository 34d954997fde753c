#include "trackers/tensorboard/tensorboard_tracker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
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
// Of a gathered span, for each rank; TensorBoard draws a curve for every one.
constexpr std::size_t max_elements = 16;

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

double number_of(const Metric& metric) {
  return metric.info->has_integer_value() ? static_cast<double>(metric.integer_value)
                                          : metric.value;
}

}  // namespace

TensorBoardTracker::TensorBoardTracker() : event_(std::make_unique<tensorboard_proto::Event>()) {}

TensorBoardTracker::~TensorBoardTracker() = default;

void TensorBoardTracker::start(const TrackerContext& context) {
  tracking::OptionReader options(tracker_name, context.options);
  has_statistics_ = options.flag("statistics", false);
  max_ranks_ = options.integer("max_ranks", 16);
  const auto flush_interval = support::read_flush_interval(tracker_name, options);
  options.reject_unknown();
  if (max_ranks_ < 0) {
    throw UsageError(
        fmt::format("tracker 'tensorboard': option 'max_ranks' is {}; use 0 or more", max_ranks_));
  }
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
  const std::string& key = metric.key();
  if (metric.info->reduction == Reduction::gather) add_per_rank(metric);
  if (!metric.is_number()) {
    if (metric.info->reduction != Reduction::gather) add_text(*event_, key, metric.text);
    return;
  }
  add_scalar(*event_, key, number_of(metric));
  if (!has_statistics_) return;
  add_scalar(*event_, key + "_min", metric.statistics.min);
  add_scalar(*event_, key + "_max", metric.statistics.max);
  add_scalar(*event_, key + "_std", metric.statistics.std);
}

void TensorBoardTracker::add_per_rank(const Metric& metric) {
  for (const RankPart& part : metric.per_rank) {
    if (part.rank >= max_ranks_) continue;
    const std::string tag = fmt::format("{}_rank{}", metric.key(), part.rank);
    if (!metric.is_number()) {
      add_text(*event_, tag, part.text);
      continue;
    }
    const bool is_whole = metric.info->kind != Kind::real;
    const std::size_t n = is_whole ? part.integers.size() : part.reals.size();
    for (std::size_t i = 0; i < std::min(n, max_elements); ++i) {
      add_scalar(*event_, n == 1 ? tag : fmt::format("{}_{}", tag, i),
                 is_whole ? static_cast<double>(part.integers[i]) : part.reals[i]);
    }
  }
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
