// What ClearML's server calls events: points of curves, lines of the console, plots and images.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "ranklog/config.hpp"
#include "ranklog/media.hpp"
#include "trackers/clearml/clearml_settings.hpp"

namespace ranklog::trackers::clearml {

// Where an event shows: both as JSON texts.
struct Place {
  std::string title;
  std::string series;
};
[[nodiscard]] Place place_of(std::string_view key, SeriesRule rule);
// Of values without a step: a row of the table of single values.
[[nodiscard]] Place place_of_single_value(std::string_view key);
// The iteration that ClearML's own client gives them (clearml/logger.py, report_single_value).
inline constexpr std::int64_t single_value_iteration = INT32_MIN;

struct When {
  std::int64_t iteration = 0;
  std::int64_t time_ms = 0;
};

// Each returns one JSON object; `task` is the task's id. The fields are those of events.conf in
// clearml-server. `number` is JSON, because integers keep all their digits.
[[nodiscard]] std::string scalar_event(std::string_view task, const Place& place, const When& when,
                                       std::string_view number);
[[nodiscard]] std::string log_event(std::string_view task, std::string_view message,
                                    std::int64_t time_ms);
// `plot` is JSON of plotly, as plot_of() makes it.
[[nodiscard]] std::string plot_event(std::string_view task, const Place& place, const When& when,
                                     std::string_view plot);
// `key` is the path below the files server and `url` the whole address.
[[nodiscard]] std::string image_event(std::string_view task, const Place& place, const When& when,
                                      std::string_view key, std::string_view url);

[[nodiscard]] std::string plot_of(const Table& table, std::string_view title);
[[nodiscard]] std::string plot_of(const Histogram& histogram, std::string_view title);

// One part of a path of uploaded files, without characters that addresses give a meaning.
[[nodiscard]] std::string path_part(std::string_view text);

// The configuration as ClearML's hyper-parameters {"section","name","value","type"}, by name with
// nested ones joined by "/"; values as Python's str() writes them.
[[nodiscard]] std::map<std::string, std::string> hyper_parameters(const Config& config,
                                                                  std::string_view section);

}  // namespace ranklog::trackers::clearml
