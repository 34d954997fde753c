#include "trackers/aim/aim_settings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/aim/aim_hash.hpp"
#include "tracking/tracker_options.hpp"

namespace ranklog::trackers::aim {
namespace {

constexpr std::string_view tracker_name = "aim";
constexpr const char* repo_variable = "RANKLOG_AIM_REPO";

http::Url server_url(const std::string& what, const std::string& repo) {
  constexpr std::string_view scheme = "aim://";
  if (repo.empty()) {
    throw UsageError(fmt::format(
        "{} is not set: set it, or the option repo, to the address of an Aim server, such as "
        "aim://host:53800 (https://host:53800 for one with a certificate)",
        repo_variable));
  }
  if (repo.starts_with(scheme))
    return http::parse_url(what, "http://" + repo.substr(scheme.size()));
  if (repo.starts_with("http://") || repo.starts_with("https://")) {
    return http::parse_url(what, repo);
  }
  throw UsageError(fmt::format(
      "{} is not the address of an Aim server; a repository in a folder can only be opened by "
      "Python's aim: start a server on it (aim server --repo ...) and give aim://host:53800",
      what));
}

// It becomes a name of folders on the server.
void check_hash(const std::string& hash) {
  constexpr std::size_t longest = 64;
  const bool is_plain = std::all_of(hash.begin(), hash.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
  if (is_plain && hash.size() <= longest) return;
  throw UsageError(
      fmt::format("tracker 'aim': option 'run_hash' is '{}'; use 1 to {} letters and "
                  "digits",
                  escape_unprintable(hash), longest));
}

}  // namespace

std::string own_hash(const TrackerContext& context) {
  const auto of_project = static_cast<std::uint64_t>(hash_of(context.project_name));
  return fmt::format("{}{:08x}", context.run_id, of_project >> 32);
}

Settings read_settings(const TrackerContext& context, const support::Environment& environment) {
  Settings settings;
  tracking::OptionReader options(tracker_name, context.options);
  auto repo = options.text("repo", "");
  const std::string what = repo.empty() ? repo_variable : "option repo";
  if (repo.empty()) repo = support::variable(environment, repo_variable);
  settings.client.server = server_url(what, repo);
  settings.client.ca_file =
      support::variable(environment, "__AIM_CLIENT_SSL_CERTIFICATES_FILE__");  // Aim's own name
  support::read_request_timeout(tracker_name, options.number("request_timeout_s", 0),
                                settings.client);
  settings.experiment = options.text("experiment", context.project_name);
  settings.run_name = options.text("run_name", context.run_name);
  settings.run_hash = options.text("run_hash", "");
  check_hash(settings.run_hash);
  settings.description = options.text("description", "");
  settings.tags = options.texts("tags", {});
  settings.context = options.dictionary("context");
  settings.expansion = support::read_expansion(tracker_name, options);
  options.reject_unknown();
  return settings;
}

}  // namespace ranklog::trackers::aim
