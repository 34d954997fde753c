#include "trackers/support/yaml_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "core/text.hpp"

namespace ranklog::trackers::support {
namespace {

// Characters that YAML (1.2, section 5.1; 1.1, section 4.1) does not allow raw, or takes for a
// line break, and that are legal in JSON. Returns the length of the one at the front, 0 if none.
std::size_t special_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) == 0x7f) return 1;
  if (text.size() >= 2 && byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f) return 2;
  if (text.size() < 3) return 0;
  const std::string_view three = text.substr(0, 3);
  const bool is_special = three == "\xe2\x80\xa8" || three == "\xe2\x80\xa9" ||
                          three == "\xef\xbb\xbf" || three == "\xef\xbf\xbe" ||
                          three == "\xef\xbf\xbf";
  return is_special ? 3 : 0;
}

unsigned code_point(std::string_view sequence) {
  const auto bits = [&](std::size_t i, unsigned mask) {
    return static_cast<unsigned>(static_cast<unsigned char>(sequence[i])) & mask;
  };
  if (sequence.size() == 1) return bits(0, 0x7f);
  if (sequence.size() == 2) return bits(0, 0x1f) << 6 | bits(1, 0x3f);
  return bits(0, 0x0f) << 12 | bits(1, 0x3f) << 6 | bits(2, 0x3f);
}

std::string quote(std::string_view text) {
  const std::string json = json_quote(text);
  std::string_view rest = json;
  std::string out;
  while (!rest.empty()) {
    const std::size_t n = special_length(rest);
    if (n > 0) {
      out += fmt::format("\\u{:04x}", code_point(rest.substr(0, n)));
    } else {
      out += rest.front();
    }
    rest.remove_prefix(n > 0 ? n : 1);
  }
  return out;
}

// YAML 1.1 takes 1e-05 for a string and 1 for an integer; both need a point.
std::string real(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  std::string text = format_real(value);
  if (text.find('.') == text.npos) text.insert(std::min(text.find('e'), text.size()), ".0");
  return text;
}

// Readers limit a plain key to 1024 characters on one line; longer ones need a question mark.
bool is_long_key(const std::string& quoted) { return quoted.size() > 1000; }

std::string flow(const ConfigValue& value);

std::string flow_list(const ConfigValue::List& list) {
  std::string out = "[";
  for (const auto& element : list) out += (out.size() > 1 ? ", " : "") + flow(element);
  return out + "]";
}

std::string flow_config(const Config& config) {
  std::string out = "{";
  for (const auto& [name, value] : config.items()) {
    const std::string key = quote(name);
    if (out.size() > 1) out += ", ";
    out += (is_long_key(key) ? "? " : "") + key + " : " + flow(value);
  }
  return out + "}";
}

struct FlowVisitor {
  std::string operator()(std::nullptr_t) const { return "null"; }
  std::string operator()(bool flag) const { return flag ? "true" : "false"; }
  std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
  std::string operator()(double number) const { return real(number); }
  std::string operator()(const std::string& text) const { return quote(text); }
  std::string operator()(const ConfigValue::List& list) const { return flow_list(list); }
  std::string operator()(const Config& nested) const { return flow_config(nested); }
};

std::string flow(const ConfigValue& value) { return std::visit(FlowVisitor{}, value.storage()); }

void append_block(std::string& out, const Config& config, std::size_t n_indent) {
  const std::string indent(n_indent, ' ');
  for (const auto& [name, value] : config.items()) {
    const std::string key = quote(name);
    out += is_long_key(key) ? indent + "? " + key + "\n" + indent + ":" : indent + key + ":";
    const auto* nested = value.get_if<Config>();
    if (nested != nullptr && !nested->empty()) {
      out += "\n";
      append_block(out, *nested, n_indent + 2);
    } else {
      out += " " + flow(value) + "\n";
    }
  }
}

}  // namespace

std::string to_yaml(const Config& config) {
  if (config.empty()) return "{}\n";
  std::string out;
  append_block(out, config, 0);
  return out;
}

}  // namespace ranklog::trackers::support
