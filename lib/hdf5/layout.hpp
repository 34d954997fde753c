// The names in a run file, for the writer and the reader. Described in docs/format.md.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace ranklog::h5 {

inline constexpr const char* run_file_name = "run.h5";

inline constexpr const char* metrics_group = "/metrics";
inline constexpr const char* text_group = "/text";
inline constexpr const char* config_group = "/config";
inline constexpr const char* abandoned_name = "abandoned";  // in /run/<attempt>
inline constexpr const char* ranks_group = "/ranks";
inline constexpr const char* summary_group = "/summary";

// Datasets that a metric's group may hold.
inline constexpr std::array<std::string_view, 15> dataset_names{
    "step",           "time",     "value",          "min",   "max",       "std",
    "min_rank",       "max_rank", "first_nan_rank", "count", "nan_count", "per_rank",
    "per_rank_count", "rank",     "element"};

[[nodiscard]] inline bool is_dataset_name(std::string_view name) noexcept {
  return std::find(dataset_names.begin(), dataset_names.end(), name) != dataset_names.end();
}

// Those that need not store rows which hold the dataset's fill value, as they are often the same.
inline constexpr std::array<std::string_view, 6> dataset_names_with_gaps{
    "std", "min_rank", "max_rank", "first_nan_rank", "count", "nan_count"};

[[nodiscard]] inline bool may_have_gaps(std::string_view name) noexcept {
  const auto& names = dataset_names_with_gaps;
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A hyper-parameter that is a dictionary becomes a group: its key with `%` and `/` (and a name
// that is `.` or `..`) as %XX. A list that is not an array of one type becomes a group too, with
// this behind the name and its items named 0, 1, 2, ...
inline constexpr std::string_view list_suffix = "%list";
[[nodiscard]] std::string encode_group_name(std::string_view key);
[[nodiscard]] std::string decode_group_name(std::string_view name);

}  // namespace ranklog::h5
