// The rule for names of files and folders that a caller gives below a directory of ours.
#pragma once

#include <string_view>

namespace ranklog {

inline constexpr std::size_t max_relative_path_bytes = 1000;

// Accepts a relative path that stays below where it starts: UTF-8 without control characters, 1 to
// 1000 bytes, parts of 1 to 255 bytes between `/`, none of them `.` or `..`.
// Errors: InvalidNameError; `what` is the word for the path in the message ("figure file name").
void validate_relative_path(std::string_view path, std::string_view what);

}  // namespace ranklog
