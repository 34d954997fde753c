#include "trackers/jsonl/json_text.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <string_view>
#include <variant>

#include "core/text.hpp"

namespace ranklog::trackers {
namespace {

struct Visitor {
  std::string& out;

  void operator()(std::nullptr_t) const { out += "null"; }
  void operator()(bool flag) const { out += flag ? "true" : "false"; }
  void operator()(std::int64_t number) const { append_json(out, number); }
  void operator()(double number) const { append_json(out, number); }
  void operator()(const std::string& text) const { out += json_quote(text); }
  void operator()(const Config& nested) const { append_json(out, nested); }
  void operator()(const ConfigValue::List& list) const {
    const char* separator = "[";
    for (const auto& element : list) {
      out += separator;
      append_json(out, element);
      separator = ",";
    }
    out += list.empty() ? "[]" : "]";
  }
};

}  // namespace

void append_json(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += '"' + format_real(value) + '"';
    return;
  }
  const std::size_t begin = out.size();
  fmt::format_to(std::back_inserter(out), "{}", value);
  if (std::string_view(out).substr(begin).find_first_of(".e") == std::string_view::npos) {
    out += ".0";
  }
}

void append_json(std::string& out, std::int64_t value) {
  fmt::format_to(std::back_inserter(out), "{}", value);
}

void append_json(std::string& out, const ConfigValue& value) {
  std::visit(Visitor{out}, value.storage());
}

void append_json(std::string& out, const Config& config) {
  const char* separator = "{";
  for (const auto& [key, value] : config.items()) {
    out += separator + json_quote(key) + ':';
    append_json(out, value);
    separator = ",";
  }
  out += config.empty() ? "{}" : "}";
}

}  // namespace ranklog::trackers
