// The version of the library. CMakeLists.txt reads it from here.
#pragma once

#include <string_view>

namespace ranklog {

inline constexpr int version_major = 0;
inline constexpr int version_minor = 1;
inline constexpr int version_patch = 0;
inline constexpr std::string_view version = "0.1.0";
// Of the HDF5 run file; independent of the library's version.
inline constexpr int run_file_format = 1;

}  // namespace ranklog
