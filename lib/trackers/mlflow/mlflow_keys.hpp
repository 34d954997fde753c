// Our keys as MLflow takes them. It allows Unicode letters and digits, `_`, `-`, `.`, space and
// `/` (mlflow/utils/validation.py, 3.17); ":" only since 3.x and not on Windows.
#pragma once

#include <string>
#include <string_view>

namespace ranklog::trackers::mlflow {

inline constexpr std::size_t max_key_characters = 250;

// Every other character becomes `_xHH_`, its code point in lower-case hexadecimal, and so does an
// underscore that would look like the beginning of that: reversible. Letters outside the most
// used scripts are escaped, too, because servers differ in the version of Unicode they know.
struct MappedKey {
  std::string text;
  std::string digest;  // not empty: too long, so its end is cut and replaced by `_h<digest>`
};
[[nodiscard]] MappedKey map_key(std::string_view key);

// The same with ASCII letters alone, as file names of artifacts need it; "/" is escaped, too.
[[nodiscard]] std::string map_file_name(std::string_view key);

}  // namespace ranklog::trackers::mlflow
