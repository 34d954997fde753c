// Where a task goes: to a server, or into the folder of an offline session.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "ranklog/tracker.hpp"

namespace ranklog::trackers::clearml {

enum class EventKind : std::uint8_t { metric, log };

// A file to keep with the task: its contents, or where they are.
struct FileSource {
  std::string bytes;
  std::filesystem::path path;  // not empty: instead of `bytes`
};

// What a new task says about itself. Parameters are those of hyper_parameters().
struct TaskDescription {
  std::string project_name;
  std::string name;
  std::string type;
  std::string comment;
  std::string tags;    // a JSON array
  std::string script;  // a JSON object
  std::map<std::string, std::string> run_facts;
};
// The sections of hyper-parameters: what the user configured, and what we know of the run.
inline constexpr std::string_view user_section = "General";
inline constexpr std::string_view run_section = "ranklog";

// `parameters` as {"name": {...}, ...}.
[[nodiscard]] std::string section_json(const std::map<std::string, std::string>& parameters);

// Errors of all but finish(): IoError of files, http::Error of a server.
// Thread safety: one thread at a time, but cancel() from any.
class Target {
 public:
  Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  virtual ~Target() = default;

  // The task's id; a server is waited for.
  [[nodiscard]] virtual const std::string& task_id() = 0;
  // `text` is the whole configuration, `parameters` the same as hyper-parameters.
  virtual void store_configuration(const std::string& text,
                                   const std::map<std::string, std::string>& parameters) = 0;
  virtual void begin_row() {}
  virtual void add_event(EventKind kind, std::string_view json) = 0;
  // Of a row that an error cut short, too. False: that error was said with an earlier row.
  virtual bool end_row(std::int64_t step, bool is_whole) {
    (void)step, (void)is_whole;
    return true;
  }
  // Keeps a file under `key`, a path. Returns its address.
  [[nodiscard]] virtual std::string put_file(const std::string& key, const FileSource& source) = 0;
  // `json` is an artifact of tasks.conf.
  virtual void add_artifact(const std::string& json) = 0;
  virtual void flush() = 0;
  virtual void finish(const RunOutcome& outcome) = 0;
  virtual void cancel() noexcept {}
  [[nodiscard]] virtual std::optional<Undelivered> undelivered() const { return std::nullopt; }
};

}  // namespace ranklog::trackers::clearml
