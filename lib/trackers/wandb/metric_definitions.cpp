#include "trackers/wandb/metric_definitions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/support/json_text.hpp"
#include "trackers/wandb/settings.hpp"
#include "tracking/tracker_options.hpp"
#include "wandb_record.pb.h"

namespace ranklog::trackers::wandb {
namespace {

bool is_pattern(std::string_view name) { return name.ends_with('*'); }

MetricDefinition read_definition(const std::string& name, const ConfigValue& value) {
  const auto* const wishes = value.get_if<Config>();
  const auto what = fmt::format("wandb.define_metric[\"{}\"]", escape_unprintable(name));
  if (wishes == nullptr) {
    throw UsageError(fmt::format(
        "{} is no dictionary; give it entries of step_metric, summary and hidden", what));
  }
  if (name.find('*') < name.size() - 1) {
    throw UsageError(fmt::format("{}: a '*' can only be the last character, as in W&B", what));
  }
  tracking::OptionReader read(what, *wishes);
  MetricDefinition definition;
  definition.name = decodable(name);
  definition.step_metric = decodable(read.text("step_metric", ""));
  definition.is_hidden = read.flag("hidden", false);
  definition.summary = read.texts("summary", {});
  read.reject_unknown();
  constexpr std::array words = {"min", "max", "mean", "first", "last", "none"};
  for (const auto& word : definition.summary) {
    if (std::find(words.begin(), words.end(), word) == words.end()) {
      throw UsageError(fmt::format("{}: summary '{}' is none of {}", what, escape_unprintable(word),
                                   "min, max, mean, first, last, none"));
    }
  }
  return definition;
}

}  // namespace

MetricDefinitions::MetricDefinitions(const Config& option) {
  for (const auto& [name, value] : option.items()) {
    list_.push_back(read_definition(name, value));
    const auto& step = list_.back().step_metric;
    if (!step.empty() && std::find(steps_.begin(), steps_.end(), step) == steps_.end()) {
      steps_.push_back(step);
    }
  }
}

const MetricDefinition* MetricDefinitions::find(std::string_view key) const noexcept {
  const MetricDefinition* best = nullptr;
  for (const auto& definition : list_) {
    const std::string_view name = definition.name;
    if (name == key) return &definition;
    const bool fits = is_pattern(name) && key.starts_with(name.substr(0, name.size() - 1));
    if (fits && (best == nullptr || best->name.size() < name.size())) best = &definition;
  }
  return best;
}

std::vector<wandb_proto::Record> MetricDefinitions::records() const {
  std::vector<wandb_proto::Record> records;
  for (const auto& step : steps_) {
    const auto* const own = find(step);
    records.push_back(metric_record(step, own == nullptr ? MetricDefinition{} : *own));
  }
  for (const auto& definition : list_) {
    if (is_pattern(definition.name)) records.push_back(metric_record(definition.name, definition));
  }
  return records;
}

wandb_proto::Record metric_record(std::string_view key, const MetricDefinition& definition) {
  wandb_proto::Record record;
  auto& metric = *record.mutable_metric();
  if (is_pattern(key) && key == definition.name) {
    metric.set_glob_name(std::string(key));
  } else {
    metric.set_name(std::string(key));
    metric.set_expanded_from_glob(is_pattern(definition.name));
  }
  metric.set_step_metric(definition.step_metric);
  auto& options = *metric.mutable_options();
  options.set_defined(true);
  options.set_step_sync(!definition.step_metric.empty());
  options.set_hidden(definition.is_hidden);
  auto& summary = *metric.mutable_summary();
  for (const auto& word : definition.summary) {
    if (word == "min") summary.set_min(true);
    if (word == "max") summary.set_max(true);
    if (word == "mean") summary.set_mean(true);
    if (word == "first") summary.set_first(true);
    if (word == "last") summary.set_last(true);
    if (word == "none") summary.set_none(true);
  }
  return record;
}

void SummaryNumbers::add(std::string_view json) {
  const std::string text(json);
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (end != text.c_str() + text.size() || text.empty() || std::isnan(number)) return;
  if (count_ == 0) {
    first_ = text;
    min_ = max_ = number;
  }
  last_ = text;
  min_ = std::min(min_, number);
  max_ = std::max(max_, number);
  sum_ += number;
  ++count_;
}

std::optional<std::string> SummaryNumbers::json(std::string_view word) const {
  if (count_ == 0 || word == "none") return std::nullopt;
  if (word == "first") return first_;
  if (word == "last") return last_;
  std::string out;
  const double mean = sum_ / static_cast<double>(count_);
  append_json(out, word == "min" ? min_ : word == "max" ? max_ : mean, NonFinite::bare_word);
  return out;
}

}  // namespace ranklog::trackers::wandb
