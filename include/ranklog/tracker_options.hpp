// The options of each tracker with their types. What is not set keeps the tracker's default, which
// docs/trackers.md gives. Each name is also an entry of the map InitOptions::tracker_options.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ranklog/config.hpp"

namespace ranklog {

struct Hdf5Options {
  std::optional<double> flush_interval_s = {};
  std::optional<std::int64_t> flush_rows = {};
  std::optional<std::string> sync = {};  // never, flush or always: which flushes wait for the disk
  std::optional<std::int64_t> max_pending_bytes = {};
};

struct TensorBoardOptions {
  std::optional<bool> statistics = {};
  std::optional<bool> rank_runs = {};
  std::optional<std::int64_t> max_ranks = {};
  std::optional<double> flush_interval_s = {};
};

struct DvcliveOptions {
  std::optional<std::string> dir = {};      // as DVCLive's; default: dvclive in the run directory
  std::optional<std::string> dvcyaml = {};  // as DVCLive's; default: dvc.yaml in `dir`; "": none
  std::optional<bool> overwrite = {};
  std::optional<bool> statistics = {};
  std::optional<std::int64_t> max_ranks = {};
  std::optional<double> flush_interval_s = {};
};

// Under the names of wandb.init's arguments.
struct WandbOptions {
  std::optional<std::string> project = {};
  std::optional<std::string> entity = {};
  std::optional<std::string> name = {};
  std::optional<std::string> id = {};
  std::optional<std::string> group = {};
  std::optional<std::string> job_type = {};
  std::optional<std::vector<std::string>> tags = {};
  std::optional<std::string> notes = {};
  std::optional<std::string> dir = {};
  std::optional<std::string> mode = {};
  // {{"val/*", {{"step_metric", "epoch"}, {"summary", "min"}, {"hidden", false}}}}: as the SDK's
  // define_metric(), for a key or for all keys that begin so.
  std::optional<Config> define_metric = {};
  std::optional<double> system_metrics_interval_s = {};  // default: none
  std::optional<std::string> console_file = {};          // its lines are the run's console output
  std::optional<bool> statistics = {};
  std::optional<std::int64_t> max_ranks = {};
  std::optional<double> flush_interval_s = {};
};

struct MlflowOptions {
  std::optional<std::string> tracking_uri = {};
  std::optional<std::string> experiment_name = {};
  std::optional<std::string> run_id = {};
  std::optional<std::string> run_name = {};
  std::optional<Config> tags = {};
  std::optional<bool> nested_run = {};
  std::optional<std::string> parent_run_id = {};
  std::optional<std::string> description = {};
  std::optional<bool> statistics = {};
  std::optional<std::int64_t> max_ranks = {};
  std::optional<double> request_timeout_s = {};
};

struct AimOptions {
  std::optional<std::string> repo = {};  // of a server: aim://host:port or https://host:port
  std::optional<std::string> experiment = {};
  std::optional<std::string> run_name = {};
  std::optional<std::string> run_hash = {};  // a run to continue
  std::optional<std::string> description = {};
  std::optional<std::vector<std::string>> tags = {};
  std::optional<Config> context = {};  // of every value
  std::optional<bool> statistics = {};
  std::optional<std::int64_t> max_ranks = {};
  std::optional<double> request_timeout_s = {};
};

// Server, keys and names also come from ClearML's variables and clearml.conf: docs/trackers.md.
struct ClearmlOptions {
  std::optional<std::string> mode = {};  // auto, online, offline
  std::optional<std::string> project_name = {};
  std::optional<std::string> task_name = {};
  std::optional<std::string> task_type = {};
  std::optional<std::string> task_id = {};  // a task on the server to continue
  std::optional<std::vector<std::string>> tags = {};
  std::optional<std::string> comment = {};
  std::optional<std::string> series = {};  // how a key is divided: prefix, slash
  std::optional<std::string> dir = {};     // of offline sessions
  std::optional<std::string> api_host = {};
  std::optional<std::string> files_host = {};
  std::optional<bool> statistics = {};
  std::optional<std::int64_t> max_ranks = {};
  std::optional<double> flush_interval_s = {};  // offline
  std::optional<double> request_timeout_s = {};
};

// Server, key and names also come from Comet's variables and .comet.config: docs/trackers.md.
struct CometOptions {
  std::optional<std::string> mode = {};  // auto, online, offline
  std::optional<std::string> workspace = {};
  std::optional<std::string> project_name = {};
  std::optional<std::string> experiment_name = {};
  std::optional<std::string> experiment_key = {};  // one to continue, or the key of a new one
  std::optional<std::vector<std::string>> tags = {};
  std::optional<std::string> dir = {};  // of offline archives
  std::optional<std::string> url = {};  // of the server
  std::optional<double> max_requests_per_s = {};
  std::optional<bool> statistics = {};
  std::optional<std::int64_t> max_ranks = {};
  std::optional<double> flush_interval_s = {};  // offline
  std::optional<double> request_timeout_s = {};
};

}  // namespace ranklog
