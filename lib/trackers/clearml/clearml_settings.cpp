#include "trackers/clearml/clearml_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/support/run_output.hpp"
#include "tracking/tracker_options.hpp"

namespace ranklog::trackers::clearml {
namespace {

using support::variable;
constexpr std::string_view tracker_name = "clearml";
constexpr std::string_view hosted_api = "https://api.clear.ml";
constexpr std::string_view hosted_files = "https://files.clear.ml";

// Reads one setting after the other: option, else variable, else the file.
class Reader {
 public:
  Reader(tracking::OptionReader& options, const support::Environment& environment)
      : options_(options), environment_(environment) {
    auto path = variable(environment, "CLEARML_CONFIG_FILE");
    const auto home = variable(environment, "HOME");
    if (path.empty() && !home.empty()) path = home + "/clearml.conf";
    if (!path.empty()) file_ = parse_hocon(support::read_settings_file(path));
  }

  [[nodiscard]] std::string text(std::string_view option, const char* name, std::string fallback) {
    auto value = options_.text(option, "");
    if (value.empty() && name != nullptr) value = variable(environment_, name);
    return value.empty() ? std::move(fallback) : value;
  }
  // Not an option: keys have no place in programs.
  [[nodiscard]] std::string outside(const char* name, std::string_view of_file) const {
    auto value = variable(environment_, name);
    const auto found = file_.find(of_file);
    return value.empty() && found != file_.end() ? found->second : value;
  }
  [[nodiscard]] bool is_true(const char* name) const {
    return support::is_true(variable(environment_, name));
  }

 private:
  tracking::OptionReader& options_;
  const support::Environment& environment_;
  std::map<std::string, std::string, std::less<>> file_;
};

[[noreturn]] void reject(std::string_view option, std::string_view value,
                         std::string_view allowed) {
  throw UsageError(fmt::format("tracker 'clearml': option '{}' is '{}'; use {}", option,
                               escape_unprintable(value), allowed));
}

// As ClearML's client guesses it: api.example.org has files.example.org, port 8008 has 8081.
std::string files_host_for(const std::string& api_host) {
  if (api_host == hosted_api) return std::string(hosted_files);
  std::string host = api_host;
  if (const auto port = host.rfind(":8008"); port != std::string::npos) {
    return host.replace(port, 5, ":8081");
  }
  if (const auto name = host.find("://api."); name != std::string::npos) {
    return host.replace(name, 7, "://files.");
  }
  return {};
}

void read_servers(Settings& settings, Reader& read) {
  auto& client = settings.client;
  const std::string api_host =
      read.text("api_host", nullptr, read.outside("CLEARML_API_HOST", "api.api_server"));
  auto files_host =
      read.text("files_host", nullptr, read.outside("CLEARML_FILES_HOST", "api.files_server"));
  client.server =
      http::parse_url("CLEARML_API_HOST", api_host.empty() ? std::string(hosted_api) : api_host);
  if (files_host.empty()) files_host = files_host_for(client.server.text);
  if (!files_host.empty()) {
    settings.files_server = http::parse_url("CLEARML_FILES_HOST", files_host);
  }
  client.is_user_secret = true;
  client.server.user = read.outside("CLEARML_API_ACCESS_KEY", "api.credentials.access_key");
  client.server.password = read.outside("CLEARML_API_SECRET_KEY", "api.credentials.secret_key");
  client.bearer_token = read.outside("CLEARML_AUTH_TOKEN", "api.credentials.token");
  const auto verify = read.outside("CLEARML_API_HOST_VERIFY_CERT", "api.verify_certificate");
  if (verify.starts_with('/')) {
    client.ca_file = verify;
  } else if (!verify.empty() && !support::is_true(verify)) {
    settings.notes.emplace_back(
        "CLEARML_API_HOST_VERIFY_CERT is ignored: certificates are always verified; set it to the "
        "absolute path of one to trust");
  }
}

bool has_credentials(const http::ClientOptions& client) {
  return !client.bearer_token.empty() ||
         (!client.server.user.empty() && !client.server.password.empty());
}

// Without keys a task is kept offline, because a job should not end for want of a key.
void choose_mode(Settings& settings, const std::string& mode, const Reader& read) {
  const bool wants_offline = read.is_true("CLEARML_OFFLINE_MODE");
  if (mode == "online" && !has_credentials(settings.client)) {
    throw UsageError(
        "tracker 'clearml': there are no keys for mode 'online': set CLEARML_API_ACCESS_KEY and "
        "CLEARML_API_SECRET_KEY, or CLEARML_AUTH_TOKEN, or run clearml-init");
  }
  if (mode != "auto" && mode != "online" && mode != "offline") {
    reject("mode", mode, "auto, online or offline");
  }
  settings.is_online =
      mode == "online" || (mode == "auto" && !wants_offline && has_credentials(settings.client));
  if (settings.is_online) return;
  settings.client = {};
  if (mode == "auto" && !wants_offline) {
    settings.notes.emplace_back(
        "no keys (CLEARML_API_ACCESS_KEY and CLEARML_API_SECRET_KEY, or clearml.conf), so the task "
        "is kept as an offline session");
  }
}

void check_task_type(const std::string& type) {
  constexpr std::array<std::string_view, 11> types{
      "training",    "testing", "inference",  "data_processing",
      "application", "monitor", "controller", "optimizer",
      "service",     "qc",      "custom"};
  if (std::find(types.begin(), types.end(), type) != types.end()) return;
  reject("task_type", type,
         "training, testing, inference, data_processing, application, monitor, controller, "
         "optimizer, service, qc or custom");
}

}  // namespace

Settings read_settings(const TrackerContext& context, const support::Environment& environment) {
  Settings settings;
  tracking::OptionReader options(tracker_name, context.options);
  Reader read(options, environment);
  read_servers(settings, read);
  choose_mode(settings, options.text("mode", "auto"), read);
  support::read_request_timeout(tracker_name, options.number("request_timeout_s", 0),
                                settings.client);
  settings.project_name = read.text("project_name", "CLEARML_PROJECT", context.project_name);
  settings.task_name = read.text("task_name", "CLEARML_TASK", context.run_name);
  settings.task_type = options.text("task_type", "training");
  settings.task_id = options.text("task_id", "");
  settings.tags = options.texts("tags", {});
  settings.comment = options.text("comment", "");
  check_task_type(settings.task_type);
  const auto series = options.text("series", "prefix");
  if (series != "prefix" && series != "slash") reject("series", series, "prefix or slash");
  settings.series_rule = series == "slash" ? SeriesRule::slash : SeriesRule::prefix;
  settings.directory = options.text("dir", "");
  if (settings.directory.empty()) {
    settings.directory =
        (context.run_dir.empty() ? std::filesystem::current_path() : context.run_dir) / "clearml";
  }
  settings.expansion = support::read_expansion(tracker_name, options);
  settings.flush_interval = support::read_flush_interval(tracker_name, options);
  options.reject_unknown();
  return settings;
}

}  // namespace ranklog::trackers::clearml
