// Turns what a caller logs into tasks that own their data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/media.hpp"
#include "tracking/dispatch.hpp"

namespace ranklog::tracking {

// Errors: InvalidKeyError, InvalidStepError; artifacts: IoError, InvalidNameError. Each numbers the
// call through `dispatch` if it comes without a step.
[[nodiscard]] MediaTask images_task(Dispatch& dispatch, const std::vector<ImageItem>& images,
                                    std::optional<std::int64_t> step);
[[nodiscard]] MediaTask table_task(Dispatch& dispatch, std::string_view key, const Table& table,
                                   std::optional<std::int64_t> step);
[[nodiscard]] MediaTask histogram_task(Dispatch& dispatch, std::string_view key,
                                       const Histogram& histogram,
                                       std::optional<std::int64_t> step);
[[nodiscard]] MediaTask figure_task(Dispatch& dispatch, const Figure& figure,
                                    std::optional<std::int64_t> step);
[[nodiscard]] MediaTask artifact_task(Dispatch& dispatch, const std::filesystem::path& path,
                                      std::string_view artifact_path);

}  // namespace ranklog::tracking
