// The commands: each takes its options and returns what to print; only main.cpp touches the
// streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ranklog/display_text.hpp"

namespace ranklog::tool {

inline constexpr int exit_ok = 0;
// A run could not be read or delivered, or the output not written.
inline constexpr int exit_unreadable = 1;
inline constexpr int exit_usage = 2;

struct CommandResult {
  std::string output;
  std::vector<std::string> errors;  // for stderr, a line each, without the prefix
  int exit_code = exit_ok;
};

// How text is laid out. --json ignores it.
struct Layout {
  std::size_t width = 80;
  Charset charset = Charset::utf8;
};

struct LsOptions {
  std::optional<std::string> directory;  // default: runs if there is such a directory, else .
  bool json = false;
  Layout layout;
};

struct ShowOptions {
  std::string run;
  std::vector<std::string> patterns;  // none: all metrics
  bool all = false;
  bool no_config = false;
  bool json = false;
  Layout layout;
};

struct RecoverOptions {
  std::string run;
  bool json = false;
  Layout layout;
};

struct TailOptions {
  std::string run;
  std::vector<std::string> keys;  // none: all
  std::int64_t n_rows = 10;       // of each key, to begin with
  bool follow = false;            // until the run has ended
  double interval_s = 1;
  bool json = false;
  Layout layout;
};

struct ValidateOptions {
  std::vector<std::string> runs;
  bool json = false;
  Layout layout;
};

struct SyncOptions {
  std::vector<std::string> runs;
  std::vector<std::string> trackers;
  std::vector<std::string> tracker_options;  // NAME=VALUE
  std::string into;
  std::optional<std::int64_t> since;
  bool follow = false;
  bool dry_run = false;
  double interval_s = 1;
  std::optional<double> rows_per_s;
  std::optional<double> timeout_s;
  bool json = false;
  Layout layout;
};

struct DoctorOptions {
  bool json = false;
  Layout layout;
};

// Prints text at once; false when nobody reads it any more.
using Writer = std::function<bool(std::string_view text)>;

// Errors of all: ranklog::Error when the whole command failed.
[[nodiscard]] CommandResult run_doctor(const DoctorOptions& options);
[[nodiscard]] CommandResult run_ls(const LsOptions& options);
[[nodiscard]] CommandResult run_show(const ShowOptions& options);
[[nodiscard]] CommandResult run_recover(const RecoverOptions& options);
[[nodiscard]] CommandResult run_tail(const TailOptions& options, const Writer& write);
[[nodiscard]] CommandResult run_validate(const ValidateOptions& options);
// Shows on standard error how far it is if that is a terminal. SIGINT and SIGTERM end it in order.
[[nodiscard]] CommandResult run_sync(const SyncOptions& options);

}  // namespace ranklog::tool
