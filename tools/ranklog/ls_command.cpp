// `ranklog ls`: one line for each run below a directory.
#include <fmt/format.h>

#include <cctype>
#include <filesystem>
#include <string_view>

#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "tools/ranklog/commands.hpp"
#include "tools/ranklog/json_text.hpp"
#include "tools/ranklog/numbers.hpp"
#include "tools/ranklog/run_access.hpp"
#include "tools/ranklog/run_status.hpp"
#include "tools/ranklog/table.hpp"

namespace ranklog::tool {
namespace fs = std::filesystem;
namespace {

struct ListedRun {
  std::string name;
  std::string path;
  std::string error;  // empty: the run was read
  RunInfo info;
  std::size_t n_metrics = 0;
  std::optional<std::int64_t> quiet_s;  // of a run that calls itself running
};

ListedRun list_run(const fs::path& file, const fs::path& directory) {
  ListedRun run;
  run.name = name_below(file, directory);
  run.path = file.string();
  try {
    const RunReader reader(file);
    run.info = reader.info();
    run.n_metrics = reader.series().size();
    if (run.info.status == "running") run.quiet_s = quiet_time_s(file);
  } catch (const Error& error) {
    run.error = error.what();
  }
  return run;
}

// How much of the creation time is shown.
enum class Created { minutes, date };

// "2026-11-23T10:00:00.123Z" -> "2026-11-23 10:00"; other text stays as it is.
std::string shorten_created(const std::string& created, Created detail) {
  constexpr std::string_view pattern = "dddd-dd-ddTdd:dd";
  if (created.size() < pattern.size()) return created;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool is_digit = std::isdigit(static_cast<unsigned char>(created[i])) != 0;
    if (pattern[i] == 'd' ? !is_digit : created[i] != pattern[i]) return created;
  }
  const std::string date = created.substr(0, 10);
  return detail == Created::date ? date : date + " " + created.substr(11, 5);
}

Table table_of(const std::vector<ListedRun>& runs, Charset charset, Created detail) {
  Table table;
  table.columns = {{"RUN", Align::left, 24, 0},    {"STATUS", Align::left, 0, 0},
                   {"RANKS", Align::right, 0, 4},  {"STEP", Align::right, 0, 5},
                   {"TIME", Align::right, 0, 3},   {"CREATED", Align::left, 10, 2},
                   {"METRICS", Align::right, 0, 1}};
  for (const ListedRun& run : runs) {
    const std::string name = printable(run.name, charset);
    if (!run.error.empty()) {
      table.rows.push_back(
          {name, "unreadable: " + printable(reason_of(run.error, run.path), charset)});
      continue;
    }
    const auto& info = run.info;
    table.rows.push_back({name, printable(describe_status(info.status, run.quiet_s), charset),
                          fmt::format("{}", info.n_ranks),
                          info.last_step ? fmt::format("{}", *info.last_step) : std::string("-"),
                          format_duration(info.duration_s),
                          printable(shorten_created(info.created, detail), charset),
                          fmt::format("{}", run.n_metrics)});
  }
  return table;
}

std::string text_of(const std::vector<ListedRun>& runs, const fs::path& directory,
                    const Layout& layout) {
  if (runs.empty()) {
    return fmt::format("no runs below {}\n", printable(directory.string(), layout.charset));
  }
  Table table = table_of(runs, layout.charset, Created::minutes);
  if (natural_width(table) > layout.width) {
    table = table_of(runs, layout.charset, Created::date);
  }
  return render(table, layout.width, layout.charset);
}

Json json_of(const ListedRun& run) {
  Json object{{"run", run.name}, {"path", run.path}};
  if (!run.error.empty()) {
    object["error"] = run.error;
    return object;
  }
  object["project"] = run.info.project;
  object["run_name"] = run.info.run_name;
  object["run_id"] = run.info.run_id;
  object["status"] = run.info.status;
  object["quiet_s"] = to_json(run.quiet_s);
  object["n_ranks"] = run.info.n_ranks;
  object["last_step"] = to_json(run.info.last_step);
  object["duration_s"] = to_json(run.info.duration_s);
  object["created"] = run.info.created;
  object["n_metrics"] = run.n_metrics;
  return object;
}

}  // namespace

CommandResult run_ls(const LsOptions& options) {
  std::error_code ignored;
  const bool has_default = fs::is_directory(default_directory, ignored);
  const fs::path directory = options.directory ? fs::path(*options.directory)
                             : has_default     ? default_directory
                                               : ".";
  std::vector<ListedRun> runs;
  std::size_t n_unreadable = 0;
  for (const fs::path& file : find_runs(directory)) {
    runs.push_back(list_run(file, directory));
    if (!runs.back().error.empty()) ++n_unreadable;
  }
  CommandResult result;
  if (options.json) {
    Json list = Json::array();
    for (const ListedRun& run : runs) list.push_back(json_of(run));
    result.output =
        to_text(Json{{"schema", json_schema}, {"directory", directory.string()}, {"runs", list}});
  } else {
    result.output = text_of(runs, directory, options.layout);
  }
  if (n_unreadable > 0) {
    result.exit_code = exit_unreadable;
    result.errors.push_back(
        fmt::format("{} of {} runs could not be read", n_unreadable, runs.size()));
  }
  return result;
}

}  // namespace ranklog::tool
