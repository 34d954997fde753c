// The files of a run beside its log: media, tables and what the user adds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "ranklog/media.hpp"

namespace ranklog::trackers::wandb {

class RunLog;

// Writes below `files/` of the run and tells the log, so that `wandb sync` uploads them.
// Errors of all members: IoError, and those of RunLog.
class MediaFiles {
 public:
  MediaFiles(std::filesystem::path files, RunLog& log) : files_(std::move(files)), log_(log) {}

  // Each returns the value of the history row, as JSON.
  [[nodiscard]] std::string add_images(const ImageItem& item, std::int64_t step);
  [[nodiscard]] std::string add_table(const std::string& key, const Table& table,
                                      std::int64_t step);
  [[nodiscard]] std::string add_html(const std::string& key, std::string_view html,
                                     std::int64_t step);

  // A file at `path` below files/. Errors: InvalidNameError for one that `wandb sync` writes.
  void add_file(const std::filesystem::path& path, std::string_view bytes);
  // A file or folder, below files/<artifact_path>.
  void add_artifact(const Artifact& artifact);

 private:
  // The path below files/ that it got: media/<kind>/<key>_<step>_<index><extension>.
  std::string add_media(std::string_view kind, const std::string& key, std::int64_t step,
                        std::size_t index, std::string_view extension, std::string_view bytes);
  void write(const std::filesystem::path& path, std::string_view bytes);
  void copy(const std::filesystem::path& from, const std::filesystem::path& path);
  void tell_log(const std::filesystem::path& path);

  std::filesystem::path files_;
  RunLog& log_;
};

// The value of a history row, as JSON.
[[nodiscard]] std::string histogram_json(const Histogram& histogram);

}  // namespace ranklog::trackers::wandb
