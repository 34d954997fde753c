#include "core/relative_path.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog {

void validate_relative_path(std::string_view path, std::string_view what) {
  constexpr std::size_t max_part_bytes = 255;
  const auto reject = [&](std::string_view why) {
    throw InvalidNameError(
        fmt::format("{} '{}' {}; give a relative path of 1 to {} bytes such as 'plots/roc.svg'",
                    what, escape_unprintable(path), why, max_relative_path_bytes));
  };
  if (path.empty()) reject("is empty");
  if (path.size() > max_relative_path_bytes) reject("is too long");
  const bool has_control_character = std::any_of(path.begin(), path.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (has_control_character) reject("has a control character");
  if (!is_valid_utf8(path)) reject("is not valid UTF-8");
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = path.find('/', begin);
    const auto part = path.substr(begin, end == path.npos ? path.npos : end - begin);
    if (part.empty()) reject("is absolute or has an empty part");
    if (part == "." || part == "..") reject("has a part '.' or '..'");
    if (part.size() > max_part_bytes) reject("has a part of more than 255 bytes");
    if (end == path.npos) return;
    begin = end + 1;
  }
}

}  // namespace ranklog
