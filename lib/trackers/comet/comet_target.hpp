// Where an experiment goes: to a server, or into an offline archive.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "ranklog/tracker.hpp"

namespace ranklog::trackers::comet {

// A number of a curve. `value` is JSON: a number, or "NaN", "Infinity", "-Infinity".
struct Point {
  std::string value;
  std::optional<std::int64_t> step;
  std::int64_t time_ms = 0;
};

// A file to keep with the experiment: its contents, or where they are.
struct Upload {
  std::string name;  // may have folders
  bool is_image = false;
  std::optional<std::int64_t> step;
  std::int64_t time_ms = 0;
  std::string bytes;
  std::filesystem::path path;  // not empty: instead of `bytes`
};

// Errors: IoError of files, http::Error of a server. Thread safety: one thread at a time, but
// cancel() from any.
class Target {
 public:
  Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  virtual ~Target() = default;

  virtual void begin_row() {}
  virtual void add_point(std::string_view name, Point point) = 0;
  // Of a row that an error cut short, too. False: that error was said with an earlier row.
  virtual bool end_row(std::int64_t step, bool is_whole) {
    (void)step, (void)is_whole;
    return true;
  }
  // A fact of the experiment; a later value of a key takes the place of an earlier one.
  virtual void set_other(const std::string& key, const std::string& value) = 0;
  // A line of the console.
  virtual void add_output(const std::string& line, std::int64_t time_ms) = 0;
  // `value` is JSON.
  virtual void add_parameter(const std::string& name, const std::string& value) = 0;
  virtual void add_file(const Upload& upload) = 0;
  virtual void flush() = 0;
  virtual void finish(const RunOutcome& outcome) = 0;
  virtual void cancel() noexcept {}
  [[nodiscard]] virtual std::optional<Undelivered> undelivered() const { return std::nullopt; }
};

}  // namespace ranklog::trackers::comet
