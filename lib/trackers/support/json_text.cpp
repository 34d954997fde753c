#include "trackers/support/json_text.hpp"

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
  NonFinite style;

  void operator()(std::nullptr_t) const { out += "null"; }
  void operator()(bool flag) const { out += flag ? "true" : "false"; }
  void operator()(std::int64_t number) const { append_json(out, number); }
  void operator()(double number) const { append_json(out, number, style); }
  void operator()(const std::string& text) const { out += json_quote(text); }
  void operator()(const Config& nested) const { append_json(out, nested, style); }
  void operator()(const ConfigValue::List& list) const {
    const char* separator = "[";
    for (const auto& element : list) {
      out += separator;
      append_json(out, element, style);
      separator = ",";
    }
    out += list.empty() ? "[]" : "]";
  }
};

}  // namespace

void append_json(std::string& out, double value, NonFinite style) {
  if (!std::isfinite(value)) {
    const char* const quote = style == NonFinite::string ? "\"" : "";
    out += quote + format_real(value) + quote;
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

void append_json(std::string& out, const ConfigValue& value, NonFinite style) {
  std::visit(Visitor{out, style}, value.storage());
}

void append_json(std::string& out, const Config& config, NonFinite style) {
  const char* separator = "{";
  for (const auto& [key, value] : config.items()) {
    out += separator + json_quote(key) + ':';
    append_json(out, value, style);
    separator = ",";
  }
  out += config.empty() ? "{}" : "}";
}

}  // namespace ranklog::trackers
