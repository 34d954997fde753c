// What the wandb tracker is told: options first, then the variables of the W&B SDK, then defaults.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/tracker.hpp"
#include "trackers/support/scalar_names.hpp"
#include "trackers/wandb/metric_definitions.hpp"

namespace ranklog::trackers::wandb {

// The value of a variable, or null when it is not set; so that tests can bring their own.
using Environment = std::function<const char*(const char* name)>;

struct Settings {
  bool is_disabled = false;         // mode "disabled": nothing is written
  std::string mode;                 // as asked for; ranklog always writes an offline run
  std::filesystem::path directory;  // the one in which `wandb/` lies
  std::string id;
  std::string project;
  std::string entity;
  std::string name;
  std::string group;
  std::string job_type;
  std::string notes;
  std::string host;
  std::string sweep_id;
  std::string program;
  std::string git_commit;
  std::string git_remote_url;
  std::vector<std::string> tags;
  MetricDefinitions metrics;
  std::chrono::duration<double> system_metrics_interval{0};  // 0: none
  std::filesystem::path console_file;                        // empty: none
  support::Expansion expansion;
  std::chrono::duration<double> flush_interval{1.0};
};

// Errors: UsageError naming the option or variable whose value W&B would not take.
[[nodiscard]] Settings read_settings(const TrackerContext& context, const Environment& environment);

// The text itself, or escaped where it is not UTF-8, which the readers would not accept.
[[nodiscard]] std::string decodable(std::string_view text);

}  // namespace ranklog::trackers::wandb
