// The options of each tracker with their types. What is not set keeps the tracker's default, which
// docs/trackers.md gives. Each name is also an entry of the map InitOptions::tracker_options.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ranklog {

struct Hdf5Options {
  std::optional<double> flush_interval_s = {};
  std::optional<std::int64_t> flush_rows = {};
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

}  // namespace ranklog
