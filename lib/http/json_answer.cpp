#include "http/json_answer.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

namespace ranklog::http {
namespace {

using Json = nlohmann::json;
constexpr std::size_t max_message_bytes = 1000;

}  // namespace

Json parse_object(std::string_view body) {
  std::size_t n_values = 0;
  const auto limit = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > max_json_depth) {
      throw BadAnswerError(fmt::format("JSON nested deeper than {} levels", max_json_depth));
    }
    if (++n_values > max_json_values) {
      throw BadAnswerError(fmt::format("JSON with more than {} values", max_json_values));
    }
    return true;
  };
  Json result;
  try {
    result = Json::parse(body.begin(), body.end(), limit);
  } catch (const Json::exception&) {
    throw BadAnswerError(fmt::format("{} bytes that are no JSON", body.size()));
  }
  if (!result.is_object()) throw BadAnswerError("JSON that is no object");
  return result;
}

const Json* find(const Json& object, std::initializer_list<const char*> path) noexcept {
  const Json* at = &object;
  for (const char* name : path) {
    if (!at->is_object()) return nullptr;
    const auto member = at->find(name);
    if (member == at->end()) return nullptr;
    at = &*member;
  }
  return at;
}

std::string require_text(const Json& object, std::initializer_list<const char*> path,
                         std::size_t max_bytes) {
  const Json* found = find(object, path);
  const auto* text = found == nullptr ? nullptr : found->get_ptr<const std::string*>();
  if (text == nullptr || text->empty() || text->size() > max_bytes) {
    throw BadAnswerError(fmt::format("no text at {}", fmt::join(path, ".")));
  }
  return *text;
}

std::string error_code_of(std::string_view body) {
  try {
    const Json answer = parse_object(body);
    if (find(answer, {"exception"}) != nullptr) {
      return require_text(answer, {"exception", "class_name"}, max_message_bytes);
    }
    const Json* number = find(answer, {"sdk_error_code"});
    if (number != nullptr && number->is_number_integer()) return number->dump();
    return require_text(answer, {"error_code"}, max_message_bytes);
  } catch (const BadAnswerError&) {
    return {};
  }
}

std::string message_of(std::string_view body) {
  try {
    const Json answer = parse_object(body);
    const std::array places{find(answer, {"message"}), find(answer, {"msg"}),
                            find(answer, {"exception", "message"}),
                            find(answer, {"meta", "result_msg"}), find(answer, {"error_code"})};
    for (const Json* found : places) {
      const auto* text = found == nullptr ? nullptr : found->get_ptr<const std::string*>();
      if (text != nullptr && !text->empty()) return text->substr(0, max_message_bytes);
    }
  } catch (const BadAnswerError&) {
    // Then the body itself is the message, e.g. that of a proxy.
  }
  return std::string(body.substr(0, max_message_bytes));
}

}  // namespace ranklog::http
