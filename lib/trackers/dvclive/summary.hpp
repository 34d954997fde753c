// metrics.json: the last value of every metric in nested dictionaries.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ranklog::trackers::dvclive {

struct LastValue {
  std::vector<std::string> path;
  std::string json;  // a number or a string with its quotes
};

// A number that JSON has as such, else the text in quotes: NaN and infinities are strings.
[[nodiscard]] std::string json_of_field(std::string_view text);

// With the step beside the metrics, unless there was none. A metric whose name is also a folder of
// others (`loss` beside `loss/aux`) stands in that folder under the empty name, which no part of a
// key can have. Complexity: O(n log n) for n values.
[[nodiscard]] std::string summary_json(const std::vector<LastValue>& values,
                                       std::optional<std::int64_t> step);

}  // namespace ranklog::trackers::dvclive
