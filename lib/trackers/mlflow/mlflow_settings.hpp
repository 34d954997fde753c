// Where an MLflow run goes and under which names: options, environment, credentials file.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "http/retrying_client.hpp"
#include "ranklog/tracker.hpp"
#include "trackers/support/scalar_names.hpp"
#include "trackers/support/variables.hpp"

namespace ranklog::trackers::mlflow {

struct Settings {
  http::ClientOptions client;
  http::RetryOptions retry;
  std::string experiment_name;
  std::string experiment_id;  // not empty: instead of the name
  std::string run_id;         // not empty: the run to continue
  std::string run_name;
  std::map<std::string, std::string> tags;
  support::Expansion expansion;
  std::vector<std::string> notes;  // to tell the user, one line each
};

using Environment = support::Environment;

// Precedence: for experiment, run id, tags and nesting the environment wins over options, as in
// Accelerate; the option tracking_uri wins over MLFLOW_TRACKING_URI, as set_tracking_uri does.
// Errors: UsageError naming the option or the variable, never a credential.
[[nodiscard]] Settings read_settings(const TrackerContext& context, const Environment& environment);

struct Credentials {
  std::string user;
  std::string password;
};
// Of the file ~/.mlflow/credentials: an INI file with a section [mlflow].
[[nodiscard]] Credentials parse_credentials(std::string_view file);

}  // namespace ranklog::trackers::mlflow
