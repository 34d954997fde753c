#include "trackers/mlflow/mlflow_answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "http/json_answer.hpp"

namespace ranklog::trackers::mlflow {
namespace {

using http::BadAnswerError;
using Json = nlohmann::json;
constexpr std::size_t max_id_bytes = 256;

// Ids become parts of addresses, so they are what MLflow says they are, or nothing.
std::string require_id(const Json& object, std::initializer_list<const char*> path) {
  auto id = http::require_text(object, path, max_id_bytes);
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  if (!std::all_of(id.begin(), id.end(), is_allowed)) throw BadAnswerError("an id that is none");
  return id;
}

bool is_active(const Json& object) {
  const Json* stage = http::find(object, {"lifecycle_stage"});
  return stage == nullptr || *stage == "active";
}

// Whole numbers come as numbers, or as text in the JSON mapping of protobuf.
std::optional<std::int64_t> whole_number(const Json* value) {
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned()) {
    const auto number = value->get<std::uint64_t>();
    return number > INT64_MAX ? std::nullopt : std::optional(static_cast<std::int64_t>(number));
  }
  if (value->is_number_integer()) return value->get<std::int64_t>();
  const auto* text = value->get_ptr<const std::string*>();
  if (text == nullptr) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return number;
}

Run run_of(const Json& object) {
  Run run;
  run.id = require_id(object, {"info", "run_id"});
  run.experiment_id = require_id(object, {"info", "experiment_id"});
  if (const Json* uri = http::find(object, {"info", "artifact_uri"}); uri && uri->is_string()) {
    run.artifact_uri = uri->get<std::string>();
  }
  run.is_active = is_active(object.at("info"));
  const Json* metrics = http::find(object, {"data", "metrics"});
  if (metrics == nullptr || !metrics->is_array()) return run;
  for (const Json& metric : *metrics) {
    const auto step = whole_number(http::find(metric, {"step"}));
    run.last_steps[http::require_text(metric, {"key"})] = step.value_or(0);  // 0 is left out
  }
  return run;
}

}  // namespace

Experiment parse_experiment(std::string_view body) {
  const Json answer = http::parse_object(body);
  Experiment experiment;
  experiment.id = require_id(answer, {"experiment", "experiment_id"});
  experiment.is_active = is_active(answer.at("experiment"));
  return experiment;
}

std::string parse_experiment_id(std::string_view body) {
  return require_id(http::parse_object(body), {"experiment_id"});
}

Run parse_run(std::string_view body) {
  const Json answer = http::parse_object(body);
  const Json* run = http::find(answer, {"run"});
  if (run == nullptr) throw BadAnswerError("no run in it");
  return run_of(*run);
}

std::optional<Run> parse_first_run(std::string_view body) {
  const Json answer = http::parse_object(body);
  const Json* runs = http::find(answer, {"runs"});
  if (runs == nullptr) return std::nullopt;
  if (!runs->is_array()) throw BadAnswerError("runs that are no list");
  if (runs->empty()) return std::nullopt;
  return run_of(runs->front());
}

void parse_nothing(std::string_view body) { static_cast<void>(http::parse_object(body)); }

}  // namespace ranklog::trackers::mlflow
