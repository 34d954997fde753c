// Takes up the metrics.jsonl of an earlier attempt.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>

namespace ranklog::trackers {

// Cuts rows at `from_step` and later, the outcome and a torn last line out of the file, which
// readers find whole at any time. Returns the lines that declare metrics or hold a configuration.
// Errors: RunExistsError for a file that ranklog did not write; IoError.
[[nodiscard]] std::set<std::string, std::less<>> cut_earlier_lines(
    const std::filesystem::path& file, std::int64_t from_step);

}  // namespace ranklog::trackers
