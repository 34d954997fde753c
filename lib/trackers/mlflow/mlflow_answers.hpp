// What a tracking server answers, read with distrust.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ranklog::trackers::mlflow {

struct Experiment {
  std::string id;
  bool is_active = true;
};

struct Run {
  std::string id;
  std::string experiment_id;
  std::string artifact_uri;
  bool is_active = true;
  std::map<std::string, std::int64_t, std::less<>> last_steps;  // by metric key, as on the server
};

// Errors of all: http::BadAnswerError saying what is missing.
[[nodiscard]] Experiment parse_experiment(std::string_view body);      // of experiments/get-by-name
[[nodiscard]] std::string parse_experiment_id(std::string_view body);  // of experiments/create
[[nodiscard]] Run parse_run(std::string_view body);                    // of runs/create, runs/get
[[nodiscard]] std::optional<Run> parse_first_run(std::string_view body);  // of runs/search
// Of every other call: an object, with nothing in it that we need.
void parse_nothing(std::string_view body);

}  // namespace ranklog::trackers::mlflow
