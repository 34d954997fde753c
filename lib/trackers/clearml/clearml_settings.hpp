// Where a ClearML task goes and under which names: options, environment, clearml.conf.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.hpp"
#include "ranklog/tracker.hpp"
#include "trackers/support/scalar_names.hpp"
#include "trackers/support/variables.hpp"

namespace ranklog::trackers::clearml {

// How a key becomes ClearML's title (a chart) and series (a curve in it).
enum class SeriesRule : std::uint8_t {
  prefix,  // as Accelerate: test_, eval_ and train_ in front are the series; else it is "train"
  slash,   // the part behind the last "/" is the series; without one it is the key itself
};

struct Settings {
  bool is_online = false;
  http::ClientOptions client;  // of the API server; without keys when offline
  http::Url files_server;
  std::string project_name;
  std::string task_name;
  std::string task_type;
  std::string task_id;  // not empty: the task to continue
  std::vector<std::string> tags;
  std::string comment;
  SeriesRule series_rule = SeriesRule::prefix;
  std::filesystem::path directory;  // of offline sessions
  support::Expansion expansion;
  std::chrono::duration<double> flush_interval{1.0};
  std::vector<std::string> notes;  // to tell the user, one line each
};

// An option wins over a variable, which wins over the file. Mode auto is online if there are keys
// or a token, and CLEARML_OFFLINE_MODE is not true.
// Errors: UsageError naming the option or the variable, never a key.
[[nodiscard]] Settings read_settings(const TrackerContext& context,
                                     const support::Environment& environment);

// The settings of a file in HOCON as "api.credentials.access_key": value. Knows what clearml-init
// writes: blocks, ":" or "=", quotes, comments, dotted names. Lists, includes and ${...} are passed
// over; so is what is nested deeper than 16 blocks.
[[nodiscard]] std::map<std::string, std::string, std::less<>> parse_hocon(std::string_view text);

}  // namespace ranklog::trackers::clearml
