#include "trackers/support/variables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <fstream>

#include "ranklog/error.hpp"

namespace ranklog::trackers::support {

std::string variable(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

bool is_true(std::string_view text) {
  const auto lower = lower_case(text);
  return lower == "1" || lower == "true" || lower == "yes" || lower == "on";
}

std::string trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1));
}

std::string read_settings_file(const std::filesystem::path& path) {
  constexpr std::size_t max_bytes = 65536;
  std::ifstream file(path, std::ios::binary);
  std::string text(max_bytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::map<std::string, std::string, std::less<>> parse_ini(std::string_view file,
                                                          std::string_view section) {
  std::map<std::string, std::string, std::less<>> values;
  bool is_in_section = false;
  while (!file.empty()) {
    const auto end = std::min(file.find('\n'), file.size());
    const auto line = trimmed(file.substr(0, end));
    file.remove_prefix(std::min(end + 1, file.size()));
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      is_in_section = line == fmt::format("[{}]", section);
      continue;
    }
    const auto separator = line.find_first_of("=:");
    if (!is_in_section || separator == std::string::npos) continue;
    const std::string_view text = line;
    values[lower_case(trimmed(text.substr(0, separator)))] = trimmed(text.substr(separator + 1));
  }
  return values;
}

std::chrono::milliseconds checked_seconds(std::string_view tracker, std::string_view what,
                                          double seconds, double min_s, double max_s) {
  if (!(seconds >= min_s && seconds <= max_s)) {
    throw UsageError(
        fmt::format("tracker '{}': {} is {}; use {} to {}", tracker, what, seconds, min_s, max_s));
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

void read_request_timeout(std::string_view tracker, double seconds, http::ClientOptions& client) {
  if (seconds == 0) return;
  client.timeout = checked_seconds(tracker, "request_timeout_s", seconds, 0.1, 3600);
  client.connect_timeout = std::min(client.connect_timeout, client.timeout);
}

}  // namespace ranklog::trackers::support
