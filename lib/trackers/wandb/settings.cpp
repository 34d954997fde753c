#include "trackers/wandb/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/support/run_output.hpp"
#include "tracking/tracker_options.hpp"

namespace ranklog::trackers::wandb {
namespace {

constexpr std::string_view tracker_name = "wandb";

// Reads one setting after the other; the option wins over the variable, as in wandb.init().
class Reader {
 public:
  Reader(tracking::OptionReader& options, const Environment& environment)
      : options_(options), environment_(environment) {}

  std::string variable(const char* name) const {
    const char* const value = environment_(name);
    return value == nullptr ? std::string() : decodable(value);
  }
  std::string text(std::string_view option, const char* name, std::string_view fallback = {}) {
    std::string value = options_.text(option, variable(name));
    return value.empty() ? decodable(fallback) : decodable(value);
  }

 private:
  tracking::OptionReader& options_;
  const Environment& environment_;
};

[[noreturn]] void reject(std::string_view what, std::string_view value, std::string_view why) {
  throw UsageError(fmt::format("tracker 'wandb': {} '{}' {}; set the option '{}' to another", what,
                               escape_unprintable(value), why, what));
}

std::vector<std::string> split_tags(std::string_view text) {
  std::vector<std::string> tags;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) tags.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return tags;
}

// The limits are those of wandb/sdk/wandb_settings.py.
void check_names(const Settings& settings) {
  constexpr std::size_t max_project_bytes = 128;
  constexpr std::size_t max_tag_bytes = 64;
  const std::string& id = settings.id;
  if (id.find_first_of(":;,#?/'") != id.npos || id == "." || id == "..") {
    reject("id", id, "has one of the characters : ; , # ? / '");
  }
  if (id.front() == ' ' || id.back() == ' ') reject("id", id, "begins or ends with a space");
  if (settings.project.find_first_of("/\\#?%:") != std::string::npos) {
    reject("project", settings.project, "has one of the characters / \\ # ? % :");
  }
  if (settings.project.size() > max_project_bytes) {
    reject("project", settings.project, "is longer than 128 bytes");
  }
  for (const std::string& tag : settings.tags) {
    if (tag.empty() || tag.size() > max_tag_bytes) {
      reject("tags", tag, "is a tag of other than 1 to 64 bytes");
    }
  }
}

void check_mode(const std::string& mode) {
  constexpr std::array modes = {"offline", "online", "dryrun", "run", "shared", "disabled"};
  if (std::find(modes.begin(), modes.end(), mode) != modes.end()) return;
  reject("mode", mode, "is none of offline, online, dryrun, run, shared, disabled");
}

std::filesystem::path default_directory(const TrackerContext& context) {
  if (!context.run_dir.empty()) return context.run_dir;
  return std::filesystem::current_path();
}

std::chrono::duration<double> read_system_metrics_interval(tracking::OptionReader& options) {
  constexpr double min_s = 0.1;
  constexpr double max_s = 86400;
  const double seconds = options.number("system_metrics_interval_s", 0);
  if (seconds != 0 && !(seconds >= min_s && seconds <= max_s)) {
    throw UsageError(fmt::format(
        "tracker 'wandb': option 'system_metrics_interval_s' is {}; use {} to {}, or 0 for none",
        seconds, min_s, max_s));
  }
  return std::chrono::duration<double>(seconds);
}

void read_identity(Reader& read, const TrackerContext& context, Settings& settings) {
  settings.id = read.text("id", "WANDB_RUN_ID", context.run_id);
  settings.entity = read.text("entity", "WANDB_ENTITY");
  settings.name = read.text("name", "WANDB_NAME", context.run_name);
  settings.group = read.text("group", "WANDB_RUN_GROUP");
  settings.job_type = read.text("job_type", "WANDB_JOB_TYPE");
  settings.notes = read.text("notes", "WANDB_NOTES");
  settings.host = read.variable("WANDB_HOST");
  settings.sweep_id = read.variable("WANDB_SWEEP_ID");
  settings.program = read.variable("WANDB_PROGRAM");
  settings.git_commit = read.variable("WANDB_GIT_COMMIT");
  settings.git_remote_url = read.variable("WANDB_GIT_REMOTE_URL");
}

}  // namespace

std::string decodable(std::string_view text) {
  return is_valid_utf8(text) ? std::string(text) : escape_unprintable(text, text.size() * 4);
}

Settings read_settings(const TrackerContext& context, const Environment& environment) {
  tracking::OptionReader options(tracker_name, context.options);
  Reader read(options, environment);
  Settings settings;
  settings.mode = read.text("mode", "WANDB_MODE", "offline");
  read_identity(read, context, settings);
  settings.project = decodable(options.text("project", context.project_name));
  const std::string directory = read.text("dir", "WANDB_DIR");
  settings.directory = directory;
  if (directory.empty()) settings.directory = default_directory(context);
  settings.tags = options.texts("tags", split_tags(read.variable("WANDB_TAGS")));
  for (std::string& tag : settings.tags) tag = decodable(tag);
  settings.system_metrics_interval = read_system_metrics_interval(options);
  settings.console_file = options.text("console_file", "");
  settings.metrics = MetricDefinitions(options.dictionary("define_metric"));
  settings.expansion = support::read_expansion(tracker_name, options);
  settings.flush_interval = support::read_flush_interval(tracker_name, options);
  options.reject_unknown();
  check_mode(settings.mode);
  settings.is_disabled = settings.mode == "disabled";
  check_names(settings);
  return settings;
}

}  // namespace ranklog::trackers::wandb
