#include "trackers/mlflow/mlflow_artifacts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/text.hpp"
#include "trackers/mlflow/mlflow_keys.hpp"

namespace ranklog::trackers::mlflow {
namespace {

std::string cell_json(const ConfigValue& value) {
  if (const auto* text = value.get_if<std::string>()) return json_quote(*text);
  if (const auto* real = value.get_if<double>(); real != nullptr && !std::isfinite(*real)) {
    return "null";  // JSON has no NaN; pandas reads null as NaN
  }
  return to_text(value);
}

}  // namespace

std::string table_json(const Table& table) {
  std::string json = "{\"columns\":[";
  const auto separate = [&json] {
    if (!json.ends_with('[')) json += ',';
  };
  for (const auto& column : table.columns()) {
    separate();
    json += json_quote(column);
  }
  json += "],\"data\":[";
  for (const auto& row : table.rows()) {
    separate();
    json += '[';
    for (const auto& cell : row) {
      separate();
      json += cell_json(cell);
    }
    json += ']';
  }
  return json + "]}";
}

std::string image_path(std::string_view key, const MediaTime& when, std::size_t index,
                       std::string_view extension) {
  // MLflow's own client writes "~" for "/" (mlflow/tracking/client.py, log_image).
  std::string name;
  for (std::string_view rest = key; !rest.empty();) {
    const auto end = std::min(rest.find('/'), rest.size());
    name += map_file_name(rest.substr(0, end));
    if (end < rest.size()) name += '~';
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto stem = fmt::format("images/{}+step+{}+timestamp+{}+", name, when.row_step,
                                static_cast<std::int64_t>(when.time * 1000));
  return fmt::format("{}{:016x}-{}{}", stem, std::hash<std::string>{}(stem), index, extension);
}

void TextTables::add(std::string_view key, std::int64_t step, double time, std::string_view text) {
  constexpr std::size_t row_bytes = 200;
  if (n_bytes_ + text.size() + row_bytes > max_bytes) {
    ++n_left_out_;
    return;
  }
  n_bytes_ += text.size() + row_bytes;
  auto found = tables_.find(key);
  if (found == tables_.end()) found = tables_.try_emplace(std::string(key)).first;
  found->second.table.add_row({step, time, text});
  found->second.has_changed = true;
}

std::vector<TextTables::File> TextTables::changed() const {
  std::vector<File> files;
  for (const auto& [key, rows] : tables_) {
    if (!rows.has_changed) continue;
    files.push_back(
        {key, fmt::format("text/{}{}.json", map_file_name(key), suffix_), table_json(rows.table)});
  }
  return files;
}

void TextTables::confirm(const std::string& key) { tables_.at(key).has_changed = false; }

}  // namespace ranklog::trackers::mlflow
