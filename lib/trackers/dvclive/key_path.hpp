// Where DVCLive keeps the values of a key, and under which name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ranklog::trackers::dvclive {

// The path of a key below plots/metrics, as DVCLive splits it, without the extension. Two kinds of
// names that DVCLive cannot hold get an underscore more, which no two keys can have in common:
// "step", the name of its own column and counter ("step" becomes "step_", "step_" "step__", ...),
// and a folder that ends in ".tsv", which could be a file's name ("a.tsv/b" becomes "a.tsv_/b").
[[nodiscard]] std::vector<std::string> path_of(std::string_view key);
// The key of such a path.
[[nodiscard]] std::string key_of(const std::vector<std::string>& path);

}  // namespace ranklog::trackers::dvclive
