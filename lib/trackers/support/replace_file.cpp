#include "trackers/support/replace_file.hpp"

#include <fmt/format.h>

#include <string>
#include <system_error>
#include <vector>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/support/record_file.hpp"

namespace ranklog::trackers::support {

void replace_file(const std::filesystem::path& path, std::string_view contents) {
  replace_file(path, contents, path.parent_path());
}

void replace_file(const std::filesystem::path& path, std::string_view contents,
                  const std::filesystem::path& scratch_dir) {
  // Keys make file names of up to 255 bytes, so the second name may not be longer.
  constexpr std::size_t max_stem_bytes = 200;
  const std::string stem = path.filename().string().substr(0, max_stem_bytes);
  const std::filesystem::path part = scratch_dir / ("." + stem + ".part");
  std::error_code error;
  std::filesystem::remove(part, error);
  RecordFile file(part);
  file.append(contents);
  file.close();
  std::filesystem::rename(part, path, error);
  if (error) {
    throw IoError(fmt::format("cannot write '{}': {}", escape_unprintable(path.string(), 1000),
                              error.message()));
  }
}

void remove_interrupted(const std::filesystem::path& scratch_dir) {
  std::error_code error;
  std::vector<std::filesystem::path> parts;
  for (std::filesystem::directory_iterator entry(scratch_dir, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with('.') && name.ends_with(".part")) parts.push_back(entry->path());
  }
  for (const auto& part : parts) std::filesystem::remove(part, error);
}

}  // namespace ranklog::trackers::support
