#include "ranklog/config.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog {
namespace {

std::string to_json(const ConfigValue& value);

std::string list_to_json(const ConfigValue::List& list) {
  std::string out = "[";
  for (const auto& element : list) out += (out.size() > 1 ? ", " : "") + to_json(element);
  return out + "]";
}

std::string config_to_json(const Config& config) {
  std::string out = "{";
  for (const auto& [key, value] : config.items()) {
    out += (out.size() > 1 ? ", " : "") + json_quote(key) + ": " + to_json(value);
  }
  return out + "}";
}

struct JsonVisitor {
  std::string operator()(std::nullptr_t) const { return "null"; }
  std::string operator()(bool flag) const { return flag ? "true" : "false"; }
  std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
  std::string operator()(double number) const { return format_real(number); }
  std::string operator()(const std::string& text) const { return json_quote(text); }
  std::string operator()(const ConfigValue::List& list) const { return list_to_json(list); }
  std::string operator()(const Config& nested) const { return config_to_json(nested); }
};

std::string to_json(const ConfigValue& value) { return std::visit(JsonVisitor{}, value.storage()); }

void flatten_into(std::vector<ConfigItem>& leaves, const std::string& prefix,
                  const Config& config) {
  for (const auto& [key, value] : config.items()) {
    const auto* nested = value.get_if<Config>();
    if (nested != nullptr && !nested->empty()) {
      flatten_into(leaves, prefix + key + "/", *nested);
    } else {
      leaves.push_back({prefix + key, value});
    }
  }
}

}  // namespace

Config::Config() = default;
Config::~Config() = default;
Config::Config(const Config& other) = default;
Config::Config(Config&& other) noexcept = default;
Config& Config::operator=(const Config& other) = default;
Config& Config::operator=(Config&& other) noexcept = default;
bool Config::empty() const noexcept { return items_.empty(); }
std::size_t Config::size() const noexcept { return items_.size(); }

Config::Config(std::initializer_list<ConfigItem> items) {
  for (const auto& item : items) set(item.key, item.value);
}

void Config::set(std::string_view key, ConfigValue value) {
  if (key.empty() || key.find('\0') != key.npos) {
    throw InvalidKeyError(
        fmt::format("configuration key '{}' is empty or has a NUL byte", escape_unprintable(key)));
  }
  const auto found = std::find_if(items_.begin(), items_.end(),
                                  [&](const ConfigItem& item) { return item.key == key; });
  if (found != items_.end()) {
    found->value = std::move(value);
  } else {
    items_.push_back({std::string(key), std::move(value)});
  }
}

const ConfigValue* Config::find(std::string_view key) const noexcept {
  const auto found = std::find_if(items_.begin(), items_.end(),
                                  [&](const ConfigItem& item) { return item.key == key; });
  return found == items_.end() ? nullptr : &found->value;
}

bool operator==(const Config& a, const Config& b) noexcept { return a.items_ == b.items_; }
bool operator==(const ConfigValue& a, const ConfigValue& b) noexcept {
  return a.storage_ == b.storage_;
}
bool operator==(const ConfigItem& a, const ConfigItem& b) noexcept {
  return a.key == b.key && a.value == b.value;
}

std::string to_text(const ConfigValue& value) {
  if (const auto* text = value.get_if<std::string>()) return *text;
  return to_json(value);
}

std::vector<ConfigItem> flatten(const Config& config) {
  std::vector<ConfigItem> leaves;
  flatten_into(leaves, "", config);
  return leaves;
}

}  // namespace ranklog
