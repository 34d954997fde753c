#include "trackers/wandb/media_files.hpp"

#include <fmt/format.h>

#include <fstream>
#include <system_error>
#include <vector>

#include "core/text.hpp"
#include "ranklog/config.hpp"
#include "ranklog/error.hpp"
#include "trackers/support/image_file.hpp"
#include "trackers/support/json_text.hpp"
#include "trackers/wandb/run_log.hpp"
#include "trackers/wandb/settings.hpp"
#include "wandb_record.pb.h"

namespace ranklog::trackers::wandb {
namespace {

namespace fs = std::filesystem;

std::string json_of(const Config& config) {
  std::string out;
  append_json(out, config, NonFinite::bare_word);
  return out;
}

std::string table_json(const Table& table) {
  std::vector<ConfigValue> rows;
  rows.reserve(table.rows().size());
  for (const Table::Row& row : table.rows()) rows.emplace_back(row);
  return json_of({{"columns", table.columns()}, {"data", rows}});
}

// A key is a path below media/; its last part must leave room for step, index and extension.
std::string file_stem(const std::string& key) {
  constexpr std::size_t max_bytes = 180;
  const std::size_t last = key.rfind('/') + 1;  // 0 without a slash
  if (key.size() - last <= max_bytes) return key;
  return fmt::format("{}long_{:016x}", key.substr(0, last), std::hash<std::string>{}(key));
}

// What `wandb sync` writes itself, and the folder of media.
bool is_reserved(const fs::path& path) {
  const std::string first = path.begin()->string();
  return first == "config.yaml" || first == "wandb-summary.json" ||
         first == "wandb-metadata.json" || first == "output.log" || first == "media";
}

void make_parent(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) {
    throw IoError(
        fmt::format("cannot make the folder of '{}': {}", path.string(), error.message()));
  }
}

}  // namespace

std::string MediaFiles::add_images(const ImageItem& item, std::int64_t step) {
  const Image& first = item.images.front();
  std::vector<std::string> names;
  for (const Image& image : item.images) {
    names.push_back(add_media("images", item.name, step, names.size(),
                              support::image_extension(image), support::image_file(image)));
  }
  return json_of({{"_type", "images/separated"},
                  {"width", first.width()},
                  {"height", first.height()},
                  {"format", support::image_extension(first).substr(1)},
                  {"count", names.size()},
                  {"filenames", names}});
}

std::string MediaFiles::add_table(const std::string& key, const Table& table, std::int64_t step) {
  const std::string bytes = table_json(table);
  const std::string path = add_media("table", key, step, 0, ".table.json", bytes);
  return json_of({{"_type", "table-file"},
                  {"ncols", table.columns().size()},
                  {"nrows", table.rows().size()},
                  {"path", path},
                  {"size", bytes.size()}});
}

std::string MediaFiles::add_html(const std::string& key, std::string_view html, std::int64_t step) {
  const std::string path = add_media("html", key, step, 0, ".html", html);
  return json_of({{"_type", "html-file"}, {"path", path}, {"size", html.size()}});
}

std::string MediaFiles::add_media(std::string_view kind, const std::string& key, std::int64_t step,
                                  std::size_t index, std::string_view extension,
                                  std::string_view bytes) {
  const std::string path =
      fmt::format("media/{}/{}_{}_{}{}", kind, file_stem(key), step, index, extension);
  write(path, bytes);
  tell_log(path);
  return path;
}

void MediaFiles::add_file(const fs::path& path, std::string_view bytes) {
  if (is_reserved(path)) {
    throw InvalidNameError(fmt::format("'{}' is a name that W&B uses itself; choose another",
                                       escape_unprintable(path.string())));
  }
  write(path, bytes);
  tell_log(path);
}

void MediaFiles::add_artifact(const Artifact& artifact) {
  const fs::path base = fs::path(artifact.artifact_path) / artifact.path.filename();
  if (is_reserved(base)) {
    throw InvalidNameError(fmt::format("'{}' is a name that W&B uses itself; choose another",
                                       escape_unprintable(base.string())));
  }
  if (!fs::is_directory(artifact.path)) return copy(artifact.path, base);
  for (const auto& entry : fs::recursive_directory_iterator(artifact.path)) {
    if (entry.is_regular_file())
      copy(entry.path(), base / entry.path().lexically_relative(artifact.path));
  }
}

void MediaFiles::write(const fs::path& path, std::string_view bytes) {
  const fs::path target = files_ / path;
  make_parent(target);
  std::ofstream file(target, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw IoError(fmt::format("cannot write '{}'", target.string()));
}

void MediaFiles::copy(const fs::path& from, const fs::path& path) {
  const fs::path target = files_ / path;
  make_parent(target);
  std::error_code error;
  fs::copy_file(from, target, fs::copy_options::overwrite_existing, error);
  if (error) {
    throw IoError(fmt::format("cannot copy '{}' to '{}': {}", from.string(), target.string(),
                              error.message()));
  }
  tell_log(path);
}

void MediaFiles::tell_log(const fs::path& path) {
  wandb_proto::Record record;
  record.mutable_files()->add_files()->set_path(decodable(path.string()));
  log_.write(record);
}

std::string histogram_json(const Histogram& histogram) {
  return json_of(
      {{"_type", "histogram"}, {"bins", histogram.edges()}, {"values", histogram.counts()}});
}

}  // namespace ranklog::trackers::wandb
