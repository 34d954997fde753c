// The one place where typed options become entries of the map that trackers read.
#pragma once

#include <string_view>

#include "ranklog/config.hpp"
#include "ranklog/tracker_options.hpp"

namespace ranklog::tracking {

// The members that are set, under their own names.
[[nodiscard]] Config to_config(const Hdf5Options& options);
[[nodiscard]] Config to_config(const MlflowOptions& options);
[[nodiscard]] Config to_config(const TensorBoardOptions& options);
[[nodiscard]] Config to_config(const DvcliveOptions& options);
[[nodiscard]] Config to_config(const WandbOptions& options);
[[nodiscard]] Config to_config(const AimOptions& options);
[[nodiscard]] Config to_config(const ClearmlOptions& options);
[[nodiscard]] Config to_config(const CometOptions& options);

// Adds the typed options of one tracker to those from the map.
// Errors: UsageError naming tracker and option if one is in both.
void merge_options(std::string_view tracker, const Config& typed, Config& from_map);

}  // namespace ranklog::tracking
