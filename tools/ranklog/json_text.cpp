#include "tools/ranklog/json_text.hpp"

#include <cmath>
#include <type_traits>

#include "core/text.hpp"

namespace ranklog::tool {
namespace {

Json value_to_json(const ConfigValue& value) {
  return std::visit(
      [](const auto& held) -> Json {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, ConfigValue::List>) {
          Json list = Json::array();
          for (const ConfigValue& element : held) list.push_back(value_to_json(element));
          return list;
        } else if constexpr (std::is_same_v<T, Config> || std::is_same_v<T, double>) {
          return to_json(held);
        } else {
          return Json(held);
        }
      },
      value.storage());
}

}  // namespace

Json to_json(double value) {
  if (std::isfinite(value)) return Json(value);
  return Json(format_real(value));
}

Json to_json(const Config& config) {
  Json object = Json::object();
  for (const ConfigItem& item : config.items()) object[item.key] = value_to_json(item.value);
  return object;
}

std::string to_text(const Json& document) {
  constexpr int indent = 2;
  return document.dump(indent, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace ranklog::tool
