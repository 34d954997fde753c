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

void read_request_timeout(std::string_view tracker, double seconds, http::ClientOptions& client) {
  constexpr double min_s = 0.1;
  constexpr double max_s = 3600;
  if (seconds == 0) return;
  if (!(seconds >= min_s && seconds <= max_s)) {
    throw UsageError(fmt::format("tracker '{}': request_timeout_s is {}; use {} to {}", tracker,
                                 seconds, min_s, max_s));
  }
  client.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  client.connect_timeout = std::min(client.connect_timeout, client.timeout);
}

}  // namespace ranklog::trackers::support
