// JSON as all commands print it: plain ASCII, so that nothing in it can reach a terminal raw.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "ranklog/config.hpp"

namespace ranklog::tool {

using Json = nlohmann::ordered_json;

// The `schema` member of every document; it grows when a member changes its meaning or goes away.
inline constexpr int json_schema = 1;

// JSON has no NaN and no infinities: they become the strings "NaN", "Infinity" and "-Infinity".
[[nodiscard]] Json to_json(double value);
[[nodiscard]] Json to_json(const Config& config);
// Null when there is none.
template <class T>
[[nodiscard]] Json to_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// Invalid UTF-8 becomes U+FFFD; ends in a newline.
[[nodiscard]] std::string to_text(const Json& document);

}  // namespace ranklog::tool
