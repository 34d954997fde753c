#include "trackers/dvclive/dvc_yaml.hpp"

#include <fstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "ranklog/config.hpp"
#include "trackers/support/yaml_text.hpp"

namespace ranklog::trackers::dvclive {
namespace {

constexpr std::string_view first_line = "# Written by ranklog, which replaces this file.";

}  // namespace

std::string dvc_yaml(const Contents& contents, const std::filesystem::path& dir,
                     const std::filesystem::path& yaml_path) {
  const auto relative = [&](std::string_view name) {
    return (dir / name).lexically_relative(yaml_path.parent_path()).generic_string();
  };
  Config config;
  ConfigValue::List plots;
  if (contents.has_params) config.set("params", std::vector{relative("params.yaml")});
  if (contents.has_metrics) {
    config.set("metrics", std::vector{relative("metrics.json")});
    Config by_step;
    by_step.set(relative("plots/metrics"), Config{{"x", "step"}});
    plots.emplace_back(by_step);
  }
  if (contents.has_images) plots.emplace_back(relative("plots/images"));
  if (!plots.empty()) config.set("plots", plots);
  return std::string(first_line) + "\n" + support::to_yaml(config);
}

bool is_ours_to_write(const std::filesystem::path& yaml_path) {
  std::error_code error;
  if (!std::filesystem::exists(yaml_path, error)) return true;
  std::ifstream file(yaml_path);
  std::string line;
  return std::getline(file, line) && line == first_line;
}

}  // namespace ranklog::trackers::dvclive
