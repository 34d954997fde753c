#include "tracking/media_tasks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "core/relative_path.hpp"
#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog::tracking {
namespace {

// About what a row of a table holds in memory; only for the limit on what waits.
std::size_t bytes_of(const Table& table) {
  std::size_t n = 0;
  for (const auto& row : table.rows()) {
    for (const auto& cell : row) {
      const auto* text = cell.get_if<std::string>();
      n += sizeof cell + (text == nullptr ? 0 : text->size());
    }
  }
  return n;
}

}  // namespace

MediaTask images_task(Dispatch& dispatch, const std::vector<ImageItem>& images,
                      std::optional<std::int64_t> step) {
  std::vector<std::string> keys;
  MediaTask task{"images", 0, {}};
  for (const auto& item : images) {
    if (std::find(keys.begin(), keys.end(), item.name) != keys.end()) {
      throw UsageError(fmt::format("log_images: key '{}' stands twice in one call",
                                   escape_unprintable(item.name)));
    }
    keys.push_back(item.name);
    for (const auto& image : item.images) task.n_bytes += image.bytes().size();
  }
  const auto when = dispatch.time_of_media(keys, step);
  task.work = [images, when](GeneralTracker& tracker, const Config& options) {
    return tracker.log_images(images, when, options);
  };
  return task;
}

MediaTask table_task(Dispatch& dispatch, std::string_view key, const Table& table,
                     std::optional<std::int64_t> step) {
  const auto when = dispatch.time_of_media({std::string(key)}, step);
  return {"tables", bytes_of(table),
          [key = std::string(key), table, when](GeneralTracker& tracker, const Config& options) {
            return tracker.log_table(key, table, when, options);
          }};
}

MediaTask histogram_task(Dispatch& dispatch, std::string_view key, const Histogram& histogram,
                         std::optional<std::int64_t> step) {
  const auto when = dispatch.time_of_media({std::string(key)}, step);
  return {
      "histograms", histogram.counts().size() * 2 * sizeof(double),
      [key = std::string(key), histogram, when](GeneralTracker& tracker, const Config& options) {
        return tracker.log_histogram(key, histogram, when, options);
      }};
}

MediaTask figure_task(Dispatch& dispatch, const Figure& figure, std::optional<std::int64_t> step) {
  validate_relative_path(figure.file_name, "figure file name");  // its members are public
  const auto when = dispatch.time_of_media({}, step);
  return {"figures", figure.bytes.size(),
          [figure, when](GeneralTracker& tracker, const Config& options) {
            return tracker.log_figure(figure, when, options);
          }};
}

MediaTask artifact_task(Dispatch& dispatch, const std::filesystem::path& path,
                        std::string_view artifact_path) {
  if (!artifact_path.empty()) validate_relative_path(artifact_path, "artifact path");
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::is_regular_file(status) && !std::filesystem::is_directory(status)) {
    throw IoError(fmt::format("log_artifact: '{}' is neither a file nor a folder",
                              escape_unprintable(path.string(), 1000)));
  }
  // Relative paths mean what they mean now, also if the job changes its directory later.
  const Artifact artifact{std::filesystem::absolute(path), std::string(artifact_path)};
  const auto when = dispatch.time_of_media({}, std::nullopt);
  return {"artifacts", 0, [artifact, when](GeneralTracker& tracker, const Config& options) {
            return tracker.log_artifact(artifact, when, options);
          }};
}

}  // namespace ranklog::tracking
