#include "tracking/typed_options.hpp"

#include <fmt/format.h>

#include <optional>

#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog::tracking {
namespace {

template <class T>
void set_if(Config& config, std::string_view name, const std::optional<T>& value) {
  if (value) config.set(name, *value);
}

}  // namespace

Config to_config(const Hdf5Options& options) {
  Config config;
  set_if(config, "flush_interval_s", options.flush_interval_s);
  set_if(config, "flush_rows", options.flush_rows);
  set_if(config, "sync", options.sync);
  set_if(config, "max_pending_bytes", options.max_pending_bytes);
  return config;
}

Config to_config(const MlflowOptions& options) {
  Config config;
  set_if(config, "tracking_uri", options.tracking_uri);
  set_if(config, "experiment_name", options.experiment_name);
  set_if(config, "run_id", options.run_id);
  set_if(config, "run_name", options.run_name);
  set_if(config, "tags", options.tags);
  set_if(config, "nested_run", options.nested_run);
  set_if(config, "parent_run_id", options.parent_run_id);
  set_if(config, "description", options.description);
  set_if(config, "statistics", options.statistics);
  set_if(config, "max_ranks", options.max_ranks);
  set_if(config, "request_timeout_s", options.request_timeout_s);
  return config;
}

Config to_config(const TensorBoardOptions& options) {
  Config config;
  set_if(config, "statistics", options.statistics);
  set_if(config, "rank_runs", options.rank_runs);
  set_if(config, "max_ranks", options.max_ranks);
  set_if(config, "flush_interval_s", options.flush_interval_s);
  return config;
}

Config to_config(const DvcliveOptions& options) {
  Config config;
  set_if(config, "dir", options.dir);
  set_if(config, "dvcyaml", options.dvcyaml);
  set_if(config, "overwrite", options.overwrite);
  set_if(config, "statistics", options.statistics);
  set_if(config, "max_ranks", options.max_ranks);
  set_if(config, "flush_interval_s", options.flush_interval_s);
  return config;
}

Config to_config(const WandbOptions& options) {
  Config config;
  set_if(config, "project", options.project);
  set_if(config, "entity", options.entity);
  set_if(config, "name", options.name);
  set_if(config, "id", options.id);
  set_if(config, "group", options.group);
  set_if(config, "job_type", options.job_type);
  set_if(config, "tags", options.tags);
  set_if(config, "notes", options.notes);
  set_if(config, "dir", options.dir);
  set_if(config, "mode", options.mode);
  set_if(config, "define_metric", options.define_metric);
  set_if(config, "system_metrics_interval_s", options.system_metrics_interval_s);
  set_if(config, "console_file", options.console_file);
  set_if(config, "statistics", options.statistics);
  set_if(config, "max_ranks", options.max_ranks);
  set_if(config, "flush_interval_s", options.flush_interval_s);
  return config;
}

Config to_config(const AimOptions& options) {
  Config config;
  set_if(config, "repo", options.repo);
  set_if(config, "experiment", options.experiment);
  set_if(config, "run_name", options.run_name);
  set_if(config, "run_hash", options.run_hash);
  set_if(config, "description", options.description);
  set_if(config, "tags", options.tags);
  set_if(config, "context", options.context);
  set_if(config, "statistics", options.statistics);
  set_if(config, "max_ranks", options.max_ranks);
  set_if(config, "request_timeout_s", options.request_timeout_s);
  return config;
}

Config to_config(const ClearmlOptions& options) {
  Config config;
  set_if(config, "mode", options.mode);
  set_if(config, "project_name", options.project_name);
  set_if(config, "task_name", options.task_name);
  set_if(config, "task_type", options.task_type);
  set_if(config, "task_id", options.task_id);
  set_if(config, "tags", options.tags);
  set_if(config, "comment", options.comment);
  set_if(config, "series", options.series);
  set_if(config, "dir", options.dir);
  set_if(config, "api_host", options.api_host);
  set_if(config, "files_host", options.files_host);
  set_if(config, "statistics", options.statistics);
  set_if(config, "max_ranks", options.max_ranks);
  set_if(config, "flush_interval_s", options.flush_interval_s);
  set_if(config, "request_timeout_s", options.request_timeout_s);
  return config;
}

Config to_config(const CometOptions& options) {
  Config config;
  set_if(config, "mode", options.mode);
  set_if(config, "workspace", options.workspace);
  set_if(config, "project_name", options.project_name);
  set_if(config, "experiment_name", options.experiment_name);
  set_if(config, "experiment_key", options.experiment_key);
  set_if(config, "tags", options.tags);
  set_if(config, "dir", options.dir);
  set_if(config, "url", options.url);
  set_if(config, "max_requests_per_s", options.max_requests_per_s);
  set_if(config, "statistics", options.statistics);
  set_if(config, "max_ranks", options.max_ranks);
  set_if(config, "flush_interval_s", options.flush_interval_s);
  set_if(config, "request_timeout_s", options.request_timeout_s);
  return config;
}

void merge_options(std::string_view tracker, const Config& typed, Config& from_map) {
  for (const auto& [name, value] : typed.items()) {
    if (from_map.find(name) != nullptr) {
      throw UsageError(fmt::format(
          "option '{}' of tracker '{}' is given both as a typed option and in tracker_options; "
          "give it once",
          escape_unprintable(name), tracker));
    }
    from_map.set(name, value);
  }
}

}  // namespace ranklog::tracking
