// JSON from a server, which may send anything: bounded in depth and in number of values.
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ranklog::http {

// An answer that is not what it should be; `what()` says how.
class BadAnswerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr int max_json_depth = 32;
inline constexpr std::size_t max_json_values = 1'000'000;

// Errors: BadAnswerError unless `body` is one JSON object within the limits.
[[nodiscard]] nlohmann::json parse_object(std::string_view body);

// The value at a path of member names; null if there is none.
[[nodiscard]] const nlohmann::json* find(const nlohmann::json& object,
                                         std::initializer_list<const char*> path) noexcept;
// Errors: BadAnswerError naming the path if there is no string of 1 to `max_bytes` bytes.
[[nodiscard]] std::string require_text(const nlohmann::json& object,
                                       std::initializer_list<const char*> path,
                                       std::size_t max_bytes = 4096);

// The member "error_code", "sdk_error_code" (Comet) or "exception.class_name" (Aim) of an error
// answer, or "".
[[nodiscard]] std::string error_code_of(std::string_view body);
// What an error answer says: the member "message", "msg" (Comet), "exception.message" (Aim),
// "meta.result_msg" (ClearML) or "error_code" of a JSON object, else the beginning of the body.
[[nodiscard]] std::string message_of(std::string_view body);

}  // namespace ranklog::http
