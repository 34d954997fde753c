#include "ranklog/reduction.hpp"

#include <algorithm>
#include <array>

namespace ranklog {
namespace {

constexpr std::array<std::string_view, 10> reduction_names{
    "mean", "sum", "min", "max", "std", "any", "all", "first", "last", "gather"};
constexpr std::array<std::string_view, 4> kind_names{"real", "integer", "boolean", "text"};

template <class Enum, std::size_t N>
std::optional<Enum> find_name(const std::array<std::string_view, N>& names,
                              std::string_view name) noexcept {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view to_string(Reduction reduction) noexcept {
  return reduction_names[static_cast<std::size_t>(reduction)];
}
std::optional<Reduction> reduction_from_string(std::string_view name) noexcept {
  return find_name<Reduction>(reduction_names, name);
}
std::string_view to_string(Kind kind) noexcept {
  return kind_names[static_cast<std::size_t>(kind)];
}
std::optional<Kind> kind_from_string(std::string_view name) noexcept {
  return find_name<Kind>(kind_names, name);
}
std::string_view to_string(Order order) noexcept {
  return order == Order::reproducible ? "reproducible" : "by_rank";
}

}  // namespace ranklog
