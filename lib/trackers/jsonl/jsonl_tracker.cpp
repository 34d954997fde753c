#include "trackers/jsonl/jsonl_tracker.hpp"

#include <string_view>
#include <utility>

#include "core/text.hpp"
#include "trackers/jsonl/earlier_lines.hpp"
#include "trackers/support/json_text.hpp"
#include "trackers/support/run_output.hpp"

namespace ranklog::trackers {
namespace {

constexpr std::string_view tracker_name = "jsonl";
constexpr std::int64_t format_version = 1;

// Elements of one rank, as a list; the text of one rank, as a string.
void append_part(std::string& out, const RankPart& part, Kind kind) {
  if (kind == Kind::text) {
    out += json_quote(part.text);
    return;
  }
  const auto append_list = [&](const auto& values) {
    out += '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out += ',';
      append_json(out, values[i]);
    }
    out += ']';
  };
  kind == Kind::real ? append_list(part.reals) : append_list(part.integers);
}

void append_per_rank(std::string& out, const Metric& metric) {
  out += "\"per_rank\":{";
  bool is_first = true;
  for (const RankPart& part : metric.per_rank) {
    if (!std::exchange(is_first, false)) out += ',';
    out += '"' + std::to_string(part.rank) + "\":";
    append_part(out, part, metric.info->kind);
  }
  out += '}';
}

void append_number(std::string& out, const Metric& metric) {
  const Statistics& statistics = metric.statistics;
  const auto member = [&](std::string_view name, auto value) {
    out += name;
    append_json(out, value);
  };
  out += "\"value\":";
  if (metric.info->has_integer_value()) {
    append_json(out, metric.integer_value);
  } else {
    append_json(out, metric.value);
  }
  member(",\"min\":", statistics.min);
  member(",\"max\":", statistics.max);
  member(",\"mean\":", statistics.mean);
  member(",\"std\":", statistics.std);
  member(",\"count\":", statistics.count);
  member(",\"min_rank\":", std::int64_t{statistics.min_rank});
  member(",\"max_rank\":", std::int64_t{statistics.max_rank});
  member(",\"nan_count\":", statistics.nan_count);
  if (statistics.nan_count > 0) {
    member(",\"first_nan_rank\":", std::int64_t{statistics.first_nan_rank});
  }
}

void append_metric(std::string& out, const Metric& metric) {
  const bool is_gathered = metric.info->reduction == Reduction::gather;
  out += '{';
  if (metric.is_number()) {
    append_number(out, metric);
    if (is_gathered) out += ',';
  } else if (!is_gathered) {
    out += "\"value\":" + json_quote(metric.text);
  }
  if (is_gathered) append_per_rank(out, metric);
  out += '}';
}

Config declaration(const MetricInfo& info) {
  Config out{{"key", info.key},
             {"kind", to_string(info.kind)},
             {"reduction", to_string(info.reduction)},
             {"nan", info.nan == NanPolicy::skip ? "skip" : "propagate"}};
  if (!info.unit.empty()) out.set("unit", info.unit);
  if (!info.long_name.empty()) out.set("long_name", info.long_name);
  return out;
}

}  // namespace

void JsonlTracker::start(const TrackerContext& context) {
  tracking::OptionReader options(tracker_name, context.options);
  const auto flush_interval = support::read_flush_interval(tracker_name, options);
  options.reject_unknown();
  const auto path = support::require_run_dir(tracker_name, context) / "metrics.jsonl";
  const bool goes_on = context.is_resumed && std::filesystem::exists(path);
  if (goes_on) kept_ = cut_earlier_lines(path, context.from_step);
  file_ = std::make_unique<support::RecordFile>(
      path, support::RecordFileOptions{.flush_interval = flush_interval, .may_exist = goes_on});
  if (file_->end() > 0) return;  // it has its first line
  line_.clear();
  append_json(line_, Config{{"ranklog_jsonl", format_version},
                            {"project", context.project_name},
                            {"run_name", context.run_name},
                            {"run_id", context.run_id},
                            {"created", iso8601_utc(support::start_s(context))},
                            {"n_ranks", context.n_ranks}});
  append_line();
  file_->flush();
}

void JsonlTracker::store_init_configuration(const Config& config) {
  line_ = "{\"config\":";
  append_json(line_, config);
  line_ += '}';
  append_line_once();
}

void JsonlTracker::log(const Record& record, const Config& options) {
  for (const Metric& metric : record.metrics) static_cast<void>(quoted_key(metric));
  line_ = "{\"step\":";
  append_json(line_, record.row_step);
  line_ += ",\"time\":";
  append_json(line_, record.time);
  line_ += ",\"metrics\":{";
  bool is_first = true;
  for (const Metric& metric : record.metrics) {
    if (!std::exchange(is_first, false)) line_ += ',';
    line_ += quoted_key(metric) + ':';
    append_metric(line_, metric);
  }
  line_ += "}}";
  append_line();
  support::reject_log_options(tracker_name, options);
}

const std::string& JsonlTracker::quoted_key(const Metric& metric) {
  const auto [entry, is_new] = known_keys_.try_emplace(metric.info.get());
  if (is_new) {
    entry->second = {metric.info, json_quote(metric.key())};
    line_ = "{\"metric\":";
    append_json(line_, declaration(*metric.info));
    line_ += '}';
    append_line_once();
  }
  return entry->second.quoted;
}

// A file that goes on may have it already.
void JsonlTracker::append_line_once() {
  if (!kept_.contains(line_)) append_line();
}

void JsonlTracker::append_line() {
  line_ += '\n';
  file_->append(line_);
}

void JsonlTracker::flush() { file_->flush(); }

void JsonlTracker::finish(const RunOutcome& outcome) {
  if (outcome.status == RunStatus::running) {
    file_->close();
    return;
  }
  line_.clear();
  append_json(line_, Config{{"outcome", to_string(outcome.status)},
                            {"reason", outcome.reason},
                            {"finished", iso8601_utc(support::end_s(outcome))}});
  append_line();
  file_->close();
}

std::unique_ptr<GeneralTracker> make_jsonl_tracker() { return std::make_unique<JsonlTracker>(); }

}  // namespace ranklog::trackers
