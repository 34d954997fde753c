// `ranklog sync`: runs into trackers, with a line for each of them.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>

#include "ranklog/error.hpp"
#include "ranklog/tracker.hpp"
#include "sync/deliver.hpp"
#include "tools/ranklog/commands.hpp"
#include "tools/ranklog/json_text.hpp"
#include "tools/ranklog/run_access.hpp"
#include "tracking/delivery_note.hpp"

namespace ranklog::tool {
namespace {

constexpr double server_timeout_s = 60;

std::atomic<int> stop_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free);  // or a handler may not touch it

extern "C" void note_stop(int signal) { stop_signal = signal; }

// A second signal ends the program at once.
void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = note_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

ConfigValue value_of(const Json& json, int depth = 0) {
  constexpr int max_depth = 16;
  if (depth > max_depth) throw UsageError("--option: a value is nested too deep");
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_array()) {
    ConfigValue::List list;
    for (const Json& one : json) list.push_back(value_of(one, depth + 1));
    return list;
  }
  Config nested;
  if (json.is_object()) {
    for (const auto& [name, one] : json.items()) nested.set(name, value_of(one, depth + 1));
    return nested;
  }
  return nullptr;
}

// true, false, a number, a list, a dictionary or a quoted text as JSON has them, or else text.
ConfigValue value_of(std::string_view text) {
  if (text == "true" || text == "false") return text == "true";
  if (!text.empty() && std::string_view("[{\"").find(text.front()) != std::string_view::npos) {
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_discarded()) return value_of(json);
  }
  const char* const end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto found = std::from_chars(text.data(), end, whole);
      found.ec == std::errc{} && found.ptr == end) {
    return whole;
  }
  double real = 0;
  if (const auto found = std::from_chars(text.data(), end, real);
      found.ec == std::errc{} && found.ptr == end) {
    return real;
  }
  return text;
}

Config config_of(const std::vector<std::string>& options) {
  Config config;
  for (const std::string& option : options) {
    const auto equals = option.find('=');
    const auto name = std::string_view(option).substr(0, equals);
    if (equals == std::string::npos || name.empty()) {
      throw UsageError("--option wants NAME=VALUE");
    }
    if (tracking::is_secret_option(name)) {
      throw UsageError(fmt::format(
          "--option {}: everybody on this host can see a command line; give it in the environment",
          name));
    }
    config.set(name, value_of(std::string_view(option).substr(equals + 1)));
  }
  return config;
}

// One line that is written over again and again.
class ProgressLine {
 public:
  explicit ProgressLine(std::string label)
      : label_(std::move(label)), is_shown_(isatty(STDERR_FILENO) != 0) {}
  ~ProgressLine() {
    if (was_drawn_) fmt::print(stderr, "\r\033[K");
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(const sync::Progress& progress) {
    constexpr auto interval = std::chrono::milliseconds(200);
    const auto now = std::chrono::steady_clock::now();
    if (!is_shown_ || now - drawn_at_ < interval) return;
    drawn_at_ = now;
    was_drawn_ = true;
    const auto percent =
        progress.n_cells > 0 ? 100 * progress.n_cells_done / progress.n_cells : 100;
    fmt::print(stderr, "\r{}  {:3}%  {} rows\033[K", label_, percent, progress.n_rows);
  }

 private:
  std::string label_;
  bool is_shown_;
  bool was_drawn_ = false;
  std::chrono::steady_clock::time_point drawn_at_{};
};

std::string rows_text(const sync::DeliveryReport& report) {
  std::string text = fmt::format("{} row{}", report.n_rows, report.n_rows == 1 ? "" : "s");
  if (report.first_step) {
    text += fmt::format(", steps {} to {}", *report.first_step, *report.last_step);
  }
  return text;
}

std::string sentence_of(const sync::DeliveryReport& report, bool is_dry_run) {
  if (report.has_all && report.n_rows == 0) {
    return report.is_run_going ? "has all so far" : "has all already";
  }
  if (is_dry_run) return rows_text(report) + " would be delivered";
  return fmt::format("{} delivered{}{}", rows_text(report),
                     report.was_resumed ? ", going on where it was left" : "",
                     report.is_run_going ? "; the run goes on" : "");
}

Json to_json(const std::string& run, const std::string& tracker,
             const sync::DeliveryReport& report) {
  Json out{{"run", run},
           {"tracker", tracker},
           {"rows", report.n_rows},
           {"has_all", report.has_all},
           {"was_resumed", report.was_resumed},
           {"is_run_going", report.is_run_going},
           {"problems", report.problems}};
  out["first_step"] = report.first_step ? Json(*report.first_step) : Json();
  out["last_step"] = report.last_step ? Json(*report.last_step) : Json();
  return out;
}

class Sync {
 public:
  explicit Sync(const SyncOptions& options) : options_(options) {
    delivery_.tracker_options = config_of(options.tracker_options);
    delivery_.into = options.into;
    delivery_.since = options.since;
    delivery_.follow = options.follow;
    delivery_.dry_run = options.dry_run;
    delivery_.interval_s = options.interval_s;
    delivery_.rows_per_s = options.rows_per_s;
    delivery_.timeout_s = options.timeout_s.value_or(options.follow ? 0 : server_timeout_s);
    delivery_.should_stop = [] { return stop_signal != 0; };
  }

  CommandResult run() {
    for (const std::string& run : options_.runs) {
      for (const std::string& tracker : options_.trackers) {
        if (stop_signal != 0) break;
        deliver(run, tracker);
      }
    }
    if (stop_signal != 0) {
      result_.errors.emplace_back("stopped; repeat the same line to go on");
      result_.exit_code = 128 + stop_signal;
    }
    if (options_.json) result_.output = to_text({{"schema", json_schema}, {"deliveries", json_}});
    return std::move(result_);
  }

 private:
  void deliver(const std::string& run, const std::string& tracker) {
    const std::string label =
        fmt::format("{} -> {}", printable(run, options_.layout.charset), tracker);
    delivery_.tracker = tracker;
    ProgressLine line(label);
    delivery_.report_progress = [&](const sync::Progress& progress) { line.update(progress); };
    try {
      const auto report = sync::deliver(find_run_file(run), delivery_);
      add(run, label, report);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::usage || error.code() == ErrorCode::unknown_tracker) {
        throw UsageError(error.what());
      }
      fail(fmt::format("{}: {}", label, error.what()));
    }
  }

  void add(const std::string& run, const std::string& label, const sync::DeliveryReport& report) {
    for (const auto& problem : report.problems) fail(fmt::format("{}: {}", label, problem));
    if (!report.problems.empty()) {
      fail(label + ": not everything was delivered; repeat the same line to go on");
    }
    if (options_.json) {
      json_.push_back(to_json(run, delivery_.tracker, report));
    } else {
      result_.output += fmt::format("{}: {}\n", label, sentence_of(report, options_.dry_run));
    }
  }

  void fail(std::string message) {
    result_.errors.push_back(std::move(message));
    result_.exit_code = exit_unreadable;
  }

  const SyncOptions& options_;
  sync::DeliveryOptions delivery_;
  CommandResult result_;
  Json json_ = Json::array();
};

}  // namespace

CommandResult run_sync(const SyncOptions& options) {
  stop_signal = 0;
  stop_on_signals();
  return Sync(options).run();
}

}  // namespace ranklog::tool
