// What becomes a file among a run's artifacts: tables and the history of texts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ranklog/media.hpp"

namespace ranklog::trackers::mlflow {

// As mlflow.load_table reads it: pandas' JSON with orient="split".
[[nodiscard]] std::string table_json(const Table& table);

// "images/samples+step+3+timestamp+1700000000000+<id>.png", which MLflow's page shows by step. The
// id follows from the rest, so that a repeated upload replaces the file.
[[nodiscard]] std::string image_path(std::string_view key, const MediaTime& when, std::size_t index,
                                     std::string_view extension);

// A tag keeps the last text of a key; this keeps them all, as a table for each key.
class TextTables {
 public:
  static constexpr std::size_t max_bytes = std::size_t{4} << 20;  // of all keys

  void add(std::string_view key, std::int64_t step, double time, std::string_view text);
  // Files of a run that is continued get names of their own: "text/<key><suffix>.json".
  void set_suffix(std::string suffix) { suffix_ = std::move(suffix); }
  struct File {
    std::string key;
    std::string path;
    std::string bytes;
  };
  // Of each table that grew since it was confirmed.
  [[nodiscard]] std::vector<File> changed() const;
  void confirm(const std::string& key);
  [[nodiscard]] std::int64_t n_left_out() const noexcept { return n_left_out_; }

 private:
  struct Rows {
    Table table{{"step", "time", "text"}};
    bool has_changed = false;
  };
  std::string suffix_;
  std::map<std::string, Rows, std::less<>> tables_;
  std::size_t n_bytes_ = 0;
  std::int64_t n_left_out_ = 0;
};

}  // namespace ranklog::trackers::mlflow
