#include <algorithm>
#include <array>

#include "ranklog/tracker.hpp"

namespace ranklog {
namespace {

constexpr std::array<std::string_view, 14> names{
    "all",     "hdf5",    "tensorboard", "wandb",   "comet_ml", "aim",   "mlflow",
    "clearml", "dvclive", "trackio",     "swanlab", "console",  "jsonl", "memory"};

constexpr auto make_types() {
  std::array<LoggerType, names.size()> types{};
  for (std::size_t i = 0; i < types.size(); ++i) types[i] = static_cast<LoggerType>(i);
  return types;
}
constexpr auto types = make_types();

}  // namespace

std::string_view to_string(LoggerType type) noexcept {
  return names[static_cast<std::size_t>(type)];
}

std::optional<LoggerType> logger_type_from_string(std::string_view name) noexcept {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<LoggerType>(found - names.begin());
}

std::span<const LoggerType> logger_types() noexcept { return types; }

std::string_view to_string(RunStatus status) noexcept {
  switch (status) {
    case RunStatus::running:
      return "running";
    case RunStatus::completed:
      return "completed";
    case RunStatus::failed:
      return "failed";
  }
  return "failed";
}

}  // namespace ranklog
