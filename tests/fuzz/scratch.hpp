// A folder in memory for the files that a fuzz target writes; gone when the process ends.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "support/scratch_directory.hpp"

namespace ranklog::fuzz {

[[nodiscard]] inline const std::filesystem::path& scratch() {
  constexpr const char* in_memory = "/dev/shm";
  static const test_support::ScratchDirectory directory(
      std::filesystem::is_directory(in_memory) ? in_memory
                                               : std::filesystem::temp_directory_path());
  return directory.path();
}

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0) std::abort();
  const ssize_t n = write(file, bytes.data(), bytes.size());
  if (n != static_cast<ssize_t>(bytes.size())) std::abort();
  close(file);
}

}  // namespace ranklog::fuzz
