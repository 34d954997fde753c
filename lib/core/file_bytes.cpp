#include "core/file_bytes.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <system_error>

#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog {

std::string read_whole_file(const std::filesystem::path& path) {
  const auto fail = [&](std::string_view why) {
    throw IoError(
        fmt::format("cannot read '{}': {}", escape_unprintable(path.string(), 1000), why));
  };
  std::error_code error;
  // Opening a pipe or a device would wait, or never end.
  if (!std::filesystem::is_regular_file(path, error)) {
    fail(error ? error.message() : "it is no regular file");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("it cannot be opened");
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) fail("reading it failed");
  return bytes;
}

}  // namespace ranklog
