// dvc.yaml: tells DVC where metrics, parameters and plots are.
#pragma once

#include <filesystem>
#include <string>

namespace ranklog::trackers::dvclive {

// What there is to tell; DVC complains about entries without a file.
struct Contents {
  bool has_params = false;
  bool has_metrics = false;
  bool has_images = false;
  friend bool operator==(const Contents&, const Contents&) = default;
};

// The file's text, with paths relative to its folder. Its first line says that ranklog wrote it.
[[nodiscard]] std::string dvc_yaml(const Contents& contents, const std::filesystem::path& dir,
                                   const std::filesystem::path& yaml_path);

// True if there is no such file, or one that ranklog wrote and may therefore replace.
[[nodiscard]] bool is_ours_to_write(const std::filesystem::path& yaml_path);

}  // namespace ranklog::trackers::dvclive
