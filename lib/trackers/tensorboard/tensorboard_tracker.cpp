#include "trackers/tensorboard/tensorboard_tracker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "ranklog/record_block.hpp"
#include "trackers/support/replace_file.hpp"
#include "trackers/support/run_output.hpp"
#include "trackers/support/yaml_text.hpp"
#include "trackers/tensorboard/event_messages.hpp"
#include "trackers/tensorboard/event_writer.hpp"
#include "trackers/tensorboard/media_messages.hpp"

namespace ranklog::trackers {
namespace {

constexpr std::string_view tracker_name = "tensorboard";

}  // namespace

TensorBoardTracker::TensorBoardTracker() : event_(std::make_unique<tensorboard_proto::Event>()) {}

TensorBoardTracker::~TensorBoardTracker() = default;

void TensorBoardTracker::start(const TrackerContext& context) {
  tracking::OptionReader options(tracker_name, context.options);
  expansion_ = support::read_expansion(tracker_name, options);
  has_rank_runs_ = options.flag("rank_runs", false);
  flush_interval_ = support::read_flush_interval(tracker_name, options);
  options.reject_unknown();
  run_dir_ = support::require_run_dir(tracker_name, context);
  if (context.is_resumed) first_step_ = context.from_step;
  start_time_ = support::start_s(context);
  file_ = std::make_shared<EventWriter>(run_dir_, flush_interval_, first_step_);
  native_.emplace(file_);
}

void TensorBoardTracker::store_init_configuration(const Config& config) {
  for (const auto& [key, value] : config.items()) config_.set(key, value);
  file_->write(hparams_event(config_, start_time_));
  has_config_ = true;
  support::replace_file(run_dir_ / "hparams.yml", support::to_yaml(config_));
}

void TensorBoardTracker::log(const Record& record, const Config& options) {
  scalars_.begin(record.row_step, record.time);
  begin_event(*event_, record.row_step, record.time);
  for (const Metric& metric : record.metrics) add_metric(metric);
  if (!scalars_.empty()) file_->write(scalars_);
  if (event_->summary().value_size() > 0) file_->write(*event_);
  if (has_rank_runs_) {
    for (const Metric& metric : record.metrics) log_rank_runs(metric, record);
  }
  support::reject_log_options(tracker_name, options);
}

// Rows of the same keys: their tags are encoded once.
void TensorBoardTracker::log_block(const RecordBlock& block) {
  struct Column {
    std::string tag;
    const double* reals = nullptr;  // null: `integers`
    const std::int64_t* integers = nullptr;
  };
  std::vector<Column> columns;
  for (const BlockColumn& metric : block.metrics) {
    const std::string& key = metric.info->key;
    const bool is_whole = !metric.integer_value.empty();
    columns.push_back(
        {encoded_tag(key), is_whole ? nullptr : metric.value.data(), metric.integer_value.data()});
    if (!expansion_.has_statistics) continue;
    columns.push_back({encoded_tag(key + "_min"), metric.min.data(), nullptr});
    columns.push_back({encoded_tag(key + "_max"), metric.max.data(), nullptr});
    columns.push_back({encoded_tag(key + "_std"), metric.std.data(), nullptr});
    layout_.add(key);
  }
  for (std::size_t row = 0; row < block.n_rows(); ++row) {
    scalars_.begin(block.row_step[row], block.time[row]);
    for (const Column& column : columns) {
      scalars_.add_encoded(column.tag, column.reals != nullptr
                                           ? column.reals[row]
                                           : static_cast<double>(column.integers[row]));
    }
    if (!scalars_.empty()) file_->write(scalars_);
  }
}

void TensorBoardTracker::add_metric(const Metric& metric) {
  support::Expansion expansion = expansion_;
  if (has_rank_runs_) expansion.max_ranks = 0;  // they have runs of their own
  support::for_each_value(metric, expansion, name_buffer_, [&](const support::NamedValue& value) {
    if (value.kind == support::NamedValue::Kind::text) {
      add_text(*event_, value.name, value.text);
    } else {
      scalars_.add(value.name, value.real);
    }
  });
  if (metric.is_number() && expansion_.has_statistics) layout_.add(metric.key());
  if (metric.is_number() && metric.info->reduction == Reduction::gather) add_spans(metric);
}

// All elements that the ranks gathered, unless each has one only.
void TensorBoardTracker::add_spans(const Metric& metric) {
  std::vector<double> elements;
  std::size_t n_longest = 0;
  for (const RankPart& part : metric.per_rank) {
    elements.insert(elements.end(), part.reals.begin(), part.reals.end());
    for (const std::int64_t value : part.integers) elements.push_back(static_cast<double>(value));
    n_longest = std::max({n_longest, part.reals.size(), part.integers.size()});
  }
  if (n_longest < 2) return;
  add_histogram(*event_, metric.key() + "_histogram", Histogram::of(elements));
}

EventWriter& TensorBoardTracker::rank_run(std::int32_t rank) {
  auto& run = rank_runs_[rank];
  if (!run) {
    const auto folder = run_dir_ / fmt::format("rank{}", rank);
    std::filesystem::create_directories(folder);
    run = std::make_unique<EventWriter>(folder, flush_interval_, first_step_);
  }
  return *run;
}

void TensorBoardTracker::log_rank_runs(const Metric& metric, const Record& record) {
  for (const RankPart& part : metric.per_rank) {
    if (part.rank >= expansion_.max_ranks) continue;
    if (!metric.is_number()) {
      begin_event(*event_, record.row_step, record.time);
      add_text(*event_, metric.key(), part.text);
      rank_run(part.rank).write(*event_);
      continue;
    }
    scalars_.begin(record.row_step, record.time);
    if (part.reals.size() == 1) scalars_.add(metric.key(), part.reals.front());
    if (part.integers.size() == 1) {
      scalars_.add(metric.key(), static_cast<double>(part.integers.front()));
    }
    if (!scalars_.empty()) rank_run(part.rank).write(scalars_);  // spans have a histogram
  }
}

bool TensorBoardTracker::log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                                    const Config& options) {
  begin_event(*event_, when.row_step, when.time);
  for (const auto& item : images) add_images(*event_, item.name, item.images);
  if (event_->summary().value_size() > 0) file_->write(*event_);
  support::reject_log_options(tracker_name, options);
  return true;
}

bool TensorBoardTracker::log_table(const std::string& key, const Table& table,
                                   const MediaTime& when, const Config& options) {
  begin_event(*event_, when.row_step, when.time);
  add_table(*event_, key, table);
  file_->write(*event_);
  support::reject_log_options(tracker_name, options);
  return true;
}

bool TensorBoardTracker::log_histogram(const std::string& key, const Histogram& histogram,
                                       const MediaTime& when, const Config& options) {
  begin_event(*event_, when.row_step, when.time);
  add_histogram(*event_, key, histogram);
  file_->write(*event_);
  support::reject_log_options(tracker_name, options);
  return true;
}

bool TensorBoardTracker::log_figure(const Figure& figure, const MediaTime& when,
                                    const Config& options) {
  std::filesystem::path name = figure.file_name;
  const auto extension = name.extension();
  if (extension != ".png" && extension != ".jpg" && extension != ".jpeg") return false;
  return log_images({{name.replace_extension().string(), Image::encoded(figure.bytes)}}, when,
                    options);
}

void TensorBoardTracker::write_layout() {
  if (layout_.has_news()) file_->write(layout_.event(support::now_s()));
}

void TensorBoardTracker::flush() {
  write_layout();
  file_->flush();
  for (const auto& [rank, run] : rank_runs_) run->flush();
}

void TensorBoardTracker::finish(const RunOutcome& outcome) {
  write_layout();
  if (has_config_ && outcome.status != RunStatus::running) {
    file_->write(session_end_event(outcome.status, support::end_s(outcome)));
  }
  for (const auto& [rank, run] : rank_runs_) run->close();
  file_->close();
}

NativeHandle TensorBoardTracker::native() {
  return native_ ? native_handle(*native_) : NativeHandle{};
}

std::unique_ptr<GeneralTracker> make_tensorboard_tracker() {
  return std::make_unique<TensorBoardTracker>();
}

}  // namespace ranklog::trackers
