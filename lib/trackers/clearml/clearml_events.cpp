#include "trackers/clearml/clearml_events.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "core/text.hpp"
#include "trackers/support/json_text.hpp"

namespace ranklog::trackers::clearml {
namespace {

std::string event(std::string_view type, std::string_view task, const Place& place,
                  const When& when, std::string_view rest) {
  return fmt::format(
      R"({{"type":"{}","task":{},"metric":{},"variant":{},"iter":{},"timestamp":{},{}}})", type,
      json_quote(task), place.title, place.series, when.iteration, when.time_ms, rest);
}

std::string plot(std::string_view data, std::string_view title) {
  return fmt::format(R"({{"data":[{}],"layout":{{"title":{}}}}})", data, json_quote(title));
}

std::string json_of(const ConfigValue& value) {
  std::string out;
  append_json(out, value);
  return out;
}

// As Python writes a value, so that its client reads it back.
std::string python_text(const ConfigValue& value) {
  if (value.is_null()) return {};
  if (const auto* flag = value.get_if<bool>()) return *flag ? "True" : "False";
  return to_text(value);
}

std::string_view python_type(const ConfigValue& value) {
  constexpr std::array<std::string_view, 7> names{"",    "bool", "int", "float",
                                                  "str", "list", "dict"};
  return names[value.storage().index()];
}

}  // namespace

Place place_of(std::string_view key, SeriesRule rule) {
  if (rule == SeriesRule::slash) {
    const auto slash = key.rfind('/');
    if (slash == std::string_view::npos || slash == 0 || slash + 1 == key.size()) {
      return {json_quote(key), json_quote(key)};
    }
    return {json_quote(key.substr(0, slash)), json_quote(key.substr(slash + 1))};
  }
  for (const std::string_view prefix : {"eval_", "test_", "train_"}) {
    if (key.size() > prefix.size() && key.starts_with(prefix)) {
      return {json_quote(key.substr(prefix.size())),
              json_quote(prefix.substr(0, prefix.size() - 1))};
    }
  }
  return {json_quote(key), R"("train")"};
}

Place place_of_single_value(std::string_view key) { return {R"("Summary")", json_quote(key)}; }

std::string scalar_event(std::string_view task, const Place& place, const When& when,
                         std::string_view number) {
  return event("training_stats_scalar", task, place, when, fmt::format(R"("value":{})", number));
}

std::string log_event(std::string_view task, std::string_view message, std::int64_t time_ms) {
  return fmt::format(
      R"({{"type":"log","task":{},"level":"info","worker":"ranklog","msg":{},"timestamp":{}}})",
      json_quote(task), json_quote(message), time_ms);
}

std::string plot_event(std::string_view task, const Place& place, const When& when,
                       std::string_view plot_json) {
  return event("plot", task, place, when, fmt::format(R"("plot_str":{})", json_quote(plot_json)));
}

std::string image_event(std::string_view task, const Place& place, const When& when,
                        std::string_view key, std::string_view url) {
  return event("training_debug_image", task, place, when,
               fmt::format(R"("key":{},"url":{})", json_quote(key), json_quote(url)));
}

std::string plot_of(const Table& table, std::string_view title) {
  std::string columns;
  std::string header;
  for (std::size_t i = 0; i < table.columns().size(); ++i) {
    const char* const separator = i == 0 ? "" : ",";
    header += separator + json_quote(table.columns()[i]);
    std::string cells;
    for (const Table::Row& row : table.rows()) {
      cells += (cells.empty() ? "" : ",") + json_of(row[i]);
    }
    columns += fmt::format("{}[{}]", separator, cells);
  }
  return plot(
      fmt::format(R"({{"type":"table","header":{{"values":[{}]}},"cells":{{"values":[{}]}}}})",
                  header, columns),
      title);
}

std::string plot_of(const Histogram& histogram, std::string_view title) {
  std::string centres;
  std::string widths;
  std::string counts;
  for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
    const double low = histogram.edges()[i];
    const double high = histogram.edges()[i + 1];
    const char* const separator = i == 0 ? "" : ",";
    centres += separator + json_of(low + (high - low) / 2);
    widths += separator + json_of(high - low);
    counts += separator + json_of(histogram.counts()[i]);
  }
  return plot(
      fmt::format(R"({{"type":"bar","x":[{}],"width":[{}],"y":[{}]}})", centres, widths, counts),
      title);
}

std::string path_part(std::string_view text) {
  std::string part;
  for (const char c : text) {
    const bool is_control = static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    if (is_control || std::string_view("\\/#\"';?:@&=+$,%!").find(c) != std::string_view::npos) {
      part += fmt::format("0x{:02x}", static_cast<unsigned char>(c));
    } else {
      part += c;
    }
  }
  if (part == "." || part == ".." || part.empty()) part += '_';
  constexpr std::size_t max_bytes = 150;  // a name of a file has 255 at most
  if (part.size() <= max_bytes && is_valid_utf8(part)) return part;
  return fmt::format("{:016x}", std::hash<std::string_view>{}(text));
}

std::map<std::string, std::string> hyper_parameters(const Config& config,
                                                    std::string_view section) {
  std::map<std::string, std::string> parameters;
  for (const auto& [name, value] : flatten(config)) {
    parameters[name] =
        fmt::format(R"({{"section":{},"name":{},"value":{},"type":"{}"}})", json_quote(section),
                    json_quote(name), json_quote(python_text(value)), python_type(value));
  }
  return parameters;
}

}  // namespace ranklog::trackers::clearml
