#include "trackers/comet/comet_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/support/run_output.hpp"
#include "tracking/tracker_options.hpp"

namespace ranklog::trackers::comet {
namespace {

using support::variable;
constexpr std::string_view tracker_name = "comet_ml";
constexpr std::string_view hosted = "https://www.comet.com";

// Reads one setting after the other: option, else variable, else the files.
class Reader {
 public:
  Reader(tracking::OptionReader& options, const support::Environment& environment)
      : options_(options), environment_(environment) {
    files_ = support::parse_ini(support::read_settings_file(".comet.config"), "comet");
    const auto home = variable(environment, "HOME");
    if (home.empty()) return;
    files_.merge(support::parse_ini(support::read_settings_file(home + "/.comet.config"), "comet"));
  }

  [[nodiscard]] std::string outside(const char* name, std::string_view of_file) const {
    auto value = variable(environment_, name);
    const auto found = files_.find(of_file);
    return value.empty() && found != files_.end() ? found->second : value;
  }
  [[nodiscard]] std::string text(std::string_view option, const char* name,
                                 std::string_view of_file, std::string fallback) {
    auto value = options_.text(option, "");
    if (value.empty()) value = outside(name, of_file);
    return value.empty() ? std::move(fallback) : value;
  }

 private:
  tracking::OptionReader& options_;
  const support::Environment& environment_;
  std::map<std::string, std::string, std::less<>> files_;
};

// COMET_URL_OVERRIDE usually ends in the path of Comet's own client.
http::Url server_of(std::string address) {
  while (address.ends_with('/')) address.pop_back();
  constexpr std::string_view client_path = "/clientlib";
  if (address.ends_with(client_path)) address.resize(address.size() - client_path.size());
  return http::parse_url("COMET_URL_OVERRIDE", address);
}

void check_key(const std::string& key) {
  constexpr std::size_t min_characters = 32;
  constexpr std::size_t max_characters = 50;
  const bool is_good =
      std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isalnum(c) != 0; }) &&
      key.size() >= min_characters && key.size() <= max_characters;
  if (key.empty() || is_good) return;
  throw UsageError(fmt::format(
      "tracker 'comet_ml': experiment_key (or COMET_EXPERIMENT_KEY) is '{}'; Comet takes "
      "32 to 50 letters and digits",
      escape_unprintable(key)));
}

// Without a key an experiment is kept offline, because a job should not end for want of one.
void choose_mode(Settings& settings, const std::string& mode, std::string api_key,
                 const std::string& comet_mode) {
  const bool wants_offline = support::lower_case(comet_mode) == "offline";
  if (mode != "auto" && mode != "online" && mode != "offline") {
    throw UsageError(
        fmt::format("tracker 'comet_ml': option 'mode' is '{}'; use auto, online or offline",
                    escape_unprintable(mode)));
  }
  if (mode == "online" && api_key.empty()) {
    throw UsageError(
        "tracker 'comet_ml': there is no key for mode 'online': set COMET_API_KEY, or api_key in "
        "~/.comet.config");
  }
  settings.is_online = mode == "online" || (mode == "auto" && !wants_offline && !api_key.empty());
  if (settings.is_online) {
    settings.client.secret_headers.push_back({"Authorization", std::move(api_key)});
  } else if (mode == "auto" && !wants_offline) {
    settings.notes.emplace_back(
        "no key (COMET_API_KEY or .comet.config), so the experiment is kept as an offline archive");
  }
}

double read_rate(tracking::OptionReader& options) {
  constexpr double max_per_s = 1e6;
  constexpr double min_per_s = 0.01;
  constexpr double default_per_s = 4;  // with the burst below Comet's 15,000 an hour
  const double rate = options.number("max_requests_per_s", default_per_s);
  if (rate >= min_per_s && rate <= max_per_s) return rate;
  throw UsageError(
      fmt::format("tracker 'comet_ml': option 'max_requests_per_s' is {}; use {} to {}", rate,
                  min_per_s, max_per_s));
}

}  // namespace

Settings read_settings(const TrackerContext& context, const support::Environment& environment) {
  Settings settings;
  tracking::OptionReader options(tracker_name, context.options);
  Reader read(options, environment);
  auto api_key = read.outside("COMET_API_KEY", "api_key");
  settings.client.server =
      server_of(read.text("url", "COMET_URL_OVERRIDE", "url_override", std::string(hosted)));
  choose_mode(settings, options.text("mode", "auto"), std::move(api_key),
              variable(environment, "COMET_MODE"));
  support::read_request_timeout(tracker_name, options.number("request_timeout_s", 0),
                                settings.client);
  settings.workspace = read.text("workspace", "COMET_WORKSPACE", "workspace", "");
  settings.project_name =
      read.text("project_name", "COMET_PROJECT_NAME", "project_name", context.project_name);
  settings.experiment_name = options.text("experiment_name", context.run_name);
  settings.experiment_key =
      read.text("experiment_key", "COMET_EXPERIMENT_KEY", "experiment_key", "");
  check_key(settings.experiment_key);
  settings.tags = options.texts("tags", {});
  settings.directory = read.text("dir", "COMET_OFFLINE_DIRECTORY", "offline_directory", "");
  if (settings.directory.empty()) {
    settings.directory =
        (context.run_dir.empty() ? std::filesystem::current_path() : context.run_dir) / "comet_ml";
  }
  settings.max_requests_per_s = read_rate(options);
  settings.expansion = support::read_expansion(tracker_name, options);
  settings.flush_interval = support::read_flush_interval(tracker_name, options);
  options.reject_unknown();
  return settings;
}

}  // namespace ranklog::trackers::comet
