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
  std::optional<std::int64_t> max_ranks = {};
  std::optional<double> flush_interval_s = {};
};

}  // namespace ranklog
