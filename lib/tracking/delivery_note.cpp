#include "tracking/delivery_note.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "core/text.hpp"
#include "ranklog/config.hpp"
#include "ranklog/error.hpp"
#include "tracking/registry.hpp"
#include "tracking/reporter.hpp"

namespace ranklog::tracking {
namespace {

// Whether the tool would take the text for a number, a truth value, a list or a dictionary.
bool looks_typed(std::string_view text) {
  if (text.empty()) return false;
  double number = 0;
  const auto found = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = found.ec == std::errc{} && found.ptr == text.data() + text.size();
  return is_number || text == "true" || text == "false" ||
         std::string_view("[{\"").find(text.front()) != std::string_view::npos;
}

std::string value_text(const ConfigValue& value) {
  const auto* text = value.get_if<std::string>();
  if (text == nullptr) return to_text(value);
  return looks_typed(*text) ? json_quote(*text) : *text;
}

std::string command_for(const std::string& tracker, const TrackerContext& context) {
  auto command =
      fmt::format("ranklog sync {} --to {}", shell_word(context.run_dir.string()), tracker);
  for (const auto& [name, value] : context.options.items()) {
    const std::string text = value_text(value);
    // The addresses of servers may hold a password.
    if (is_secret_option(name) || text.find('@') != std::string::npos) continue;
    command += fmt::format(" --option {}", shell_word(name + '=' + text));
  }
  return command;
}

}  // namespace

bool is_secret_option(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 6> parts{"key",    "token",      "passw",
                                                  "secret", "credential", "auth"};
  // Not the keys of experiments, which are names.
  if (name == "experiment_key") return false;
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  });
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%";
  if (!text.empty() && text.find_first_not_of(plain) == std::string_view::npos) {
    return std::string(text);
  }
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word += c;
    }
  }
  return word + "'";
}

std::optional<DeliveryNote> DeliveryNote::begin(const std::string& tracker,
                                                const TrackerContext& context) {
  if (context.run_dir.empty() || !is_builtin(tracker)) return std::nullopt;
  DeliveryNote note;
  note.file_ = delivery_file(context.run_dir, tracker);
  note.command_ = command_for(tracker, context);
  try {
    if (auto known = read_delivery(note.file_, context.run_id)) note.state_ = std::move(*known);
  } catch (const Error& error) {
    report(fmt::format("tracker '{}': {}", tracker, error.what()));
  }
  note.state_.run_id = context.run_id;
  note.state_.told_status.clear();
  const std::int64_t from =
      context.is_resumed ? context.from_step : std::numeric_limits<std::int64_t>::min();
  note.state_.jobs.push_back({context.attempt, from, from});
  note.write();
  return note;
}

void DeliveryNote::end(std::optional<std::int64_t> first_left, std::string_view told_status) {
  JobDelivery& job = state_.jobs.back();
  job.below = std::max(job.from_step, first_left.value_or(JobDelivery::everything));
  state_.told_status = told_status;
  write();
}

void DeliveryNote::write() const {
  try {
    write_delivery(file_, state_);
  } catch (const Error& error) {
    report(error.what());
  }
}

}  // namespace ranklog::tracking
