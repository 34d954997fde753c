// What define_metric() is in W&B's SDK: the x axis of a key, and what of it the summary shows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/config.hpp"

namespace ranklog::wandb_proto {
class Record;
}

namespace ranklog::trackers::wandb {

struct MetricDefinition {
  std::string name;         // a key, or the beginning of keys with "*" behind it
  std::string step_metric;  // the key of the x axis; empty: the step
  bool is_hidden = false;
  std::vector<std::string> summary;  // of min, max, mean, first, last, none; empty: last, unnamed
};

// Thread safety: as a container.
class MetricDefinitions {
 public:
  MetricDefinitions() = default;
  // The tracker's option: {name: {"step_metric": key, "summary": word or words, "hidden": flag}}.
  // Errors: UsageError naming what is wrong.
  explicit MetricDefinitions(const Config& option);

  [[nodiscard]] bool empty() const noexcept { return list_.empty(); }
  // That of the key itself, else the one with the longest beginning; null without any.
  // Complexity: O(definitions).
  [[nodiscard]] const MetricDefinition* find(std::string_view key) const noexcept;
  // The keys that are an x axis, each once.
  [[nodiscard]] const std::vector<std::string>& step_metrics() const noexcept { return steps_; }
  // What the log must hold in front of the rows: patterns and x axes.
  [[nodiscard]] std::vector<wandb_proto::Record> records() const;

 private:
  std::vector<MetricDefinition> list_;
  std::vector<std::string> steps_;
};

// The record that belongs in front of the first row of a key with that definition.
[[nodiscard]] wandb_proto::Record metric_record(std::string_view key,
                                                const MetricDefinition& definition);

// The numbers of one key for its summary; NaN and what is no number is left out.
class SummaryNumbers {
 public:
  void add(std::string_view json);
  // The value under one of the words of MetricDefinition::summary, as JSON; nothing before the
  // first number, or for "none".
  [[nodiscard]] std::optional<std::string> json(std::string_view word) const;

 private:
  double min_ = 0, max_ = 0, sum_ = 0;
  std::string first_, last_;
  std::int64_t count_ = 0;
};

}  // namespace ranklog::trackers::wandb
