#include "trackers/support/console_text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <system_error>

namespace ranklog::trackers::support {
namespace {

constexpr std::string_view word = "step ";
constexpr std::string_view gap = "  ";

}  // namespace

std::string console_text(std::optional<std::int64_t> step, std::string_view name,
                         std::string_view text) {
  const auto front = step ? fmt::format("{}{}{}", word, *step, gap) : std::string();
  return fmt::format("{}{}: {}", front, name, text);
}

std::optional<std::int64_t> step_of_console_text(std::string_view line) {
  if (!line.starts_with(word)) return std::nullopt;
  line.remove_prefix(word.size());
  std::int64_t step = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), step);
  if (error != std::errc{}) return std::nullopt;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  return line.starts_with(gap) ? std::optional(step) : std::nullopt;
}

}  // namespace ranklog::trackers::support
