// Records, contexts and file contents for tests of single trackers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ranklog/record.hpp"
#include "ranklog/tracker.hpp"

namespace ranklog::test_support {

[[nodiscard]] inline std::shared_ptr<const MetricInfo> metric_info(
    std::string key, Kind kind = Kind::real, Reduction reduction = Reduction::mean) {
  auto info = std::make_shared<MetricInfo>();
  info->key = std::move(key);
  info->kind = kind;
  info->reduction = reduction;
  return info;
}

// One rank's value, as if it had been the only one.
[[nodiscard]] inline Metric real_metric(std::shared_ptr<const MetricInfo> info, double value) {
  Metric metric;
  metric.info = std::move(info);
  metric.value = value;
  metric.statistics = {.count = 1,
                       .weight = 1,
                       .min = value,
                       .max = value,
                       .mean = value,
                       .min_rank = 0,
                       .max_rank = 0};
  return metric;
}

[[nodiscard]] inline Metric real_metric(std::string key, double value) {
  return real_metric(metric_info(std::move(key)), value);
}

[[nodiscard]] inline Metric text_metric(std::string key, std::string text) {
  Metric metric;
  metric.info = metric_info(std::move(key), Kind::text, Reduction::first);
  metric.text = std::move(text);
  return metric;
}

[[nodiscard]] inline Record record_at(std::int64_t step, std::vector<Metric> metrics,
                                      double time = 1.0) {
  Record record;
  record.step = step;
  record.row_step = step;
  record.time = time;
  record.metrics = std::move(metrics);
  return record;
}

[[nodiscard]] inline TrackerContext context_in(const std::filesystem::path& run_dir,
                                               Config options = {}) {
  TrackerContext context;
  context.project_name = "project";
  context.run_name = "run";
  context.run_id = "0123456789abcdef";
  context.logging_dir = run_dir;
  context.run_dir = run_dir;
  context.options = std::move(options);
  return context;
}

[[nodiscard]] inline std::string contents_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace ranklog::test_support
