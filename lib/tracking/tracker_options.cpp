#include "tracking/tracker_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog::tracking {

double OptionReader::number(std::string_view name, double fallback) {
  const auto* value = declare(name);
  if (value == nullptr) return fallback;
  if (const auto* real = value->get_if<double>()) return *real;
  if (const auto* whole = value->get_if<std::int64_t>()) return static_cast<double>(*whole);
  reject_type(name, *value, "a number");
}

std::int64_t OptionReader::integer(std::string_view name, std::int64_t fallback) {
  const auto* value = declare(name);
  if (value == nullptr) return fallback;
  if (const auto* whole = value->get_if<std::int64_t>()) return *whole;
  reject_type(name, *value, "a whole number");
}

bool OptionReader::flag(std::string_view name, bool fallback) {
  const auto* value = declare(name);
  if (value == nullptr) return fallback;
  if (const auto* flag = value->get_if<bool>()) return *flag;
  reject_type(name, *value, "true or false");
}

std::string OptionReader::text(std::string_view name, std::string fallback) {
  const auto* value = declare(name);
  if (value == nullptr) return fallback;
  if (const auto* text = value->get_if<std::string>()) return *text;
  reject_type(name, *value, "a text");
}

std::vector<std::string> OptionReader::texts(std::string_view name,
                                             std::vector<std::string> fallback) {
  const auto* value = declare(name);
  if (value == nullptr) return fallback;
  if (const auto* text = value->get_if<std::string>()) return {*text};
  const auto* list = value->get_if<ConfigValue::List>();
  if (list == nullptr) reject_type(name, *value, "a list of texts");
  std::vector<std::string> texts;
  for (const ConfigValue& element : *list) {
    const auto* text = element.get_if<std::string>();
    if (text == nullptr) reject_type(name, *value, "a list of texts");
    texts.push_back(*text);
  }
  return texts;
}

Config OptionReader::dictionary(std::string_view name) {
  const auto* value = declare(name);
  if (value == nullptr) return {};
  if (const auto* nested = value->get_if<Config>()) return *nested;
  reject_type(name, *value, "a dictionary");
}

void OptionReader::reject_unknown() const {
  for (const auto& item : options_.items()) {
    if (std::find(known_.begin(), known_.end(), item.key) != known_.end()) continue;
    throw UsageError(fmt::format("tracker '{}' has no option '{}'; it knows {}", tracker_,
                                 escape_unprintable(item.key), fmt::join(known_, ", ")));
  }
}

const ConfigValue* OptionReader::declare(std::string_view name) {
  known_.emplace_back(name);
  return options_.find(name);
}

void OptionReader::reject_type(std::string_view name, const ConfigValue& value,
                               std::string_view wanted) const {
  throw UsageError(fmt::format("option '{}' of tracker '{}' is '{}', but must be {}", name,
                               tracker_, escape_unprintable(to_text(value)), wanted));
}

}  // namespace ranklog::tracking
