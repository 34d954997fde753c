#include "ranklog/key.hpp"

#include <fmt/format.h>

#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog {
namespace {

bool has_control_character(std::string_view text) noexcept {
  unsigned previous = 0;
  for (const char c : text) {
    const unsigned byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return true;
    if (previous == 0xC2 && byte >= 0x80 && byte < 0xA0) return true;  // U+0080 to U+009F
    previous = byte;
  }
  return false;
}

[[noreturn]] void reject_key(std::string_view key, std::string_view why) {
  throw InvalidKeyError(
      fmt::format("metric key '{}' {}; use 1 to {} bytes of UTF-8 text such as "
                  "'train/loss'",
                  escape_unprintable(key), why, max_key_bytes));
}

}  // namespace

void validate_key(std::string_view key) {
  if (key.empty()) reject_key(key, "is empty");
  if (key.size() > max_key_bytes) reject_key(key, fmt::format("has {} bytes", key.size()));
  if (has_control_character(key)) reject_key(key, "has a control character");
  if (!is_valid_utf8(key)) reject_key(key, "is not valid UTF-8");
  if (key.starts_with(reserved_key_prefix))
    reject_key(key, "begins with 'ranklog/', which is reserved");
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = key.find('/', begin);
    const auto part = key.substr(begin, end == key.npos ? key.npos : end - begin);
    if (part.empty()) reject_key(key, "has an empty part between '/'");
    if (part == "." || part == "..") reject_key(key, "has a part '.' or '..'");
    if (end == key.npos) return;
    begin = end + 1;
  }
}

void validate_path_component(std::string_view name, std::string_view what) {
  const auto reject = [&](std::string_view why) {
    throw InvalidNameError(
        fmt::format("{} '{}' {}; it names a folder: use 1 to {} bytes without "
                    "'/', control characters or a leading '..'",
                    what, escape_unprintable(name), why, max_run_name_bytes));
  };
  if (name.empty()) reject("is empty");
  if (name.size() > max_run_name_bytes) reject(fmt::format("has {} bytes", name.size()));
  if (has_control_character(name)) reject("has a control character");
  if (!is_valid_utf8(name)) reject("is not valid UTF-8");
  if (name.find('/') != name.npos) reject("has a '/'");
  if (name == "." || name.starts_with("..")) reject("could leave the logging directory");
  if (name.front() == ' ' || name.back() == ' ') reject("begins or ends with a space");
}

}  // namespace ranklog
