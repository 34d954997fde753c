// A folder in memory for the files that a fuzz target writes; gone when the process ends.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace ranklog::fuzz {

[[nodiscard]] inline const std::filesystem::path& scratch() {
  namespace fs = std::filesystem;
  static const fs::path path = [] {
    const bool has_memory = fs::is_directory("/dev/shm");
    const fs::path directory = (has_memory ? fs::path("/dev/shm") : fs::temp_directory_path()) /
                               ("ranklog-fuzz-" + std::to_string(getpid()));
    fs::create_directories(directory);
    std::atexit([] {
      std::error_code ignored;
      fs::remove_all(scratch(), ignored);
    });
    return directory;
  }();
  return path;
}

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0) std::abort();
  const ssize_t n = write(file, bytes.data(), bytes.size());
  if (n != static_cast<ssize_t>(bytes.size())) std::abort();
  close(file);
}

}  // namespace ranklog::fuzz
