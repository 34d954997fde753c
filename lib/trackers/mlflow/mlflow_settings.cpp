#include "trackers/mlflow/mlflow_settings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"
#include "http/json_answer.hpp"
#include "ranklog/error.hpp"
#include "tracking/tracker_options.hpp"

namespace ranklog::trackers::mlflow {
namespace {

using support::is_true;
using support::variable;
constexpr std::string_view tracker_name = "mlflow";

std::string read_credentials_file(const Environment& environment) {
  const auto home = variable(environment, "HOME");
  return home.empty() ? "" : support::read_settings_file(home + "/.mlflow/credentials");
}

// What a user may have meant by a store that only a server can open.
http::Url server_url(const std::string& what, const std::string& uri) {
  if (uri.empty()) {
    throw UsageError(
        "MLFLOW_TRACKING_URI is not set: set it, or the option tracking_uri, to the http:// or "
        "https:// address of a tracking server");
  }
  if (!uri.starts_with("http://") && !uri.starts_with("https://")) {
    const auto scheme = uri.substr(0, std::min(uri.find(':'), uri.size()));
    const bool has_scheme = scheme.size() < uri.size();
    throw UsageError(fmt::format(
        "{} names a store ({}), which only Python's mlflow can open; start a server on it (mlflow "
        "server --backend-store-uri ...) and give its http:// address",
        what, has_scheme ? escape_unprintable(scheme, 30) + ":" : "a directory"));
  }
  return http::parse_url(what, uri);
}

void read_server(Settings& settings, tracking::OptionReader& options,
                 const Environment& environment) {
  auto uri = options.text("tracking_uri", "");
  const std::string what = uri.empty() ? "MLFLOW_TRACKING_URI" : "option tracking_uri";
  if (uri.empty()) uri = variable(environment, "MLFLOW_TRACKING_URI");
  auto& client = settings.client;
  client.server = server_url(what, uri);

  const auto of_file = parse_credentials(read_credentials_file(environment));
  auto user = variable(environment, "MLFLOW_TRACKING_USERNAME");
  auto password = variable(environment, "MLFLOW_TRACKING_PASSWORD");
  if (user.empty()) user = of_file.user;
  if (password.empty()) password = of_file.password;
  if (!user.empty() && !password.empty()) {
    client.server.user = std::move(user);
    client.server.password = std::move(password);
  }
  if (client.server.user.empty()) {
    client.bearer_token = variable(environment, "MLFLOW_TRACKING_TOKEN");
  }
  client.ca_file = variable(environment, "MLFLOW_TRACKING_SERVER_CERT_PATH");
  client.client_certificate = variable(environment, "MLFLOW_TRACKING_CLIENT_CERT_PATH");
  if (is_true(variable(environment, "MLFLOW_TRACKING_INSECURE_TLS"))) {
    settings.notes.emplace_back(
        "MLFLOW_TRACKING_INSECURE_TLS is ignored: certificates are always verified; "
        "MLFLOW_TRACKING_SERVER_CERT_PATH names one to trust");
  }
  for (const char* name : {"MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_TRACKING_AUTH"}) {
    const auto value = variable(environment, name);
    if (value.empty() || value == "false" || value == "0") continue;
    settings.notes.push_back(fmt::format(
        "{} is ignored: only user and password, or a bearer token, are supported", name));
  }
}

// Nothing if it is not set.
std::optional<double> seconds_in(const Environment& environment, const char* name) {
  const auto text = variable(environment, name);
  if (text.empty()) return std::nullopt;
  try {
    return std::stod(text);
  } catch (const std::exception&) {
    throw UsageError(fmt::format("{} is not a number of seconds", name));
  }
}

void read_times(Settings& settings, tracking::OptionReader& options,
                const Environment& environment) {
  constexpr const char* backoff = "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR";
  if (const auto first_wait = seconds_in(environment, backoff)) {
    settings.retry.first_wait =
        support::checked_seconds(tracker_name, backoff, *first_wait, 0.001, 120);
    settings.retry.longest_wait = std::max(settings.retry.longest_wait, settings.retry.first_wait);
  }
  double seconds = options.number("request_timeout_s", 0);
  if (seconds == 0) seconds = seconds_in(environment, "MLFLOW_HTTP_REQUEST_TIMEOUT").value_or(0);
  support::read_request_timeout(tracker_name, seconds, settings.client);
}

void read_tags(Settings& settings, tracking::OptionReader& options,
               const Environment& environment) {
  for (const auto& [key, value] : flatten(options.dictionary("tags"))) {
    settings.tags[key] = to_text(value);
  }
  const auto text = variable(environment, "MLFLOW_TAGS");
  if (text.empty()) return;
  try {
    settings.tags.clear();
    const auto tags = http::parse_object(text);
    for (const auto& [key, value] : tags.items()) {
      settings.tags[key] = value.is_string() ? value.get<std::string>() : value.dump();
    }
  } catch (const http::BadAnswerError& error) {
    throw UsageError(fmt::format(
        "MLFLOW_TAGS must be a JSON object such as {{\"team\": \"a\"}}: it has {}", error.what()));
  }
}

void read_nesting(Settings& settings, tracking::OptionReader& options,
                  const Environment& environment) {
  bool is_nested = options.flag("nested_run", false);
  const auto parent = options.text("parent_run_id", "");
  if (const auto text = variable(environment, "MLFLOW_NESTED_RUN"); !text.empty()) {
    is_nested = is_true(text);
  }
  if (!is_nested) return;
  if (parent.empty()) {
    settings.notes.emplace_back(
        "nested_run (or MLFLOW_NESTED_RUN) without the option parent_run_id has no effect");
    return;
  }
  settings.tags["mlflow.parentRunId"] = parent;
}

void set_default(std::map<std::string, std::string>& tags, const char* key, std::string value) {
  if (!value.empty()) tags.try_emplace(key, std::move(value));
}

void add_facts(Settings& settings, const TrackerContext& context) {
  set_default(settings.tags, "mlflow.source.type", "JOB");
  settings.tags["ranklog.run_id"] = context.run_id;
  settings.tags["ranklog.n_ranks"] = std::to_string(context.n_ranks);
  if (!context.provenance) return;
  const auto& facts = context.provenance->facts;
  const auto fact = [&](const char* name) {
    const auto* value = facts.find(name);
    return value == nullptr ? std::string() : to_text(*value);
  };
  set_default(settings.tags, "mlflow.user", fact("user"));
  set_default(settings.tags, "mlflow.source.name", fact("executable"));
  set_default(settings.tags, "mlflow.source.git.commit", fact("git_commit"));
}

}  // namespace

Credentials parse_credentials(std::string_view file) {
  auto values = support::parse_ini(file, "mlflow");
  return {values["mlflow_tracking_username"], values["mlflow_tracking_password"]};
}

Settings read_settings(const TrackerContext& context, const Environment& environment) {
  Settings settings;
  tracking::OptionReader options(tracker_name, context.options);
  read_server(settings, options, environment);
  read_times(settings, options, environment);
  const auto either = [&](const char* variable_name, std::string option) {
    auto value = variable(environment, variable_name);
    return value.empty() ? std::move(option) : std::move(value);
  };
  settings.experiment_name =
      either("MLFLOW_EXPERIMENT_NAME", options.text("experiment_name", context.project_name));
  if (variable(environment, "MLFLOW_EXPERIMENT_NAME").empty()) {
    settings.experiment_id = variable(environment, "MLFLOW_EXPERIMENT_ID");
  }
  settings.run_id = either("MLFLOW_RUN_ID", options.text("run_id", ""));
  settings.run_name = options.text("run_name", context.run_name);
  read_tags(settings, options, environment);
  if (const auto description = options.text("description", ""); !description.empty()) {
    settings.tags["mlflow.note.content"] = description;
  }
  read_nesting(settings, options, environment);
  settings.expansion = support::read_expansion(tracker_name, options);
  options.reject_unknown();
  add_facts(settings, context);
  return settings;
}

}  // namespace ranklog::trackers::mlflow
