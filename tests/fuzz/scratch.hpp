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

class Scratch {
 public:
  Scratch() {
    namespace fs = std::filesystem;
    const bool has_memory = fs::is_directory("/dev/shm");
    path_ = (has_memory ? fs::path("/dev/shm") : fs::temp_directory_path()) /
            ("ranklog-fuzz-" + std::to_string(getpid()));
    fs::create_directories(path_);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

[[nodiscard]] inline const std::filesystem::path& scratch() {
  static const Scratch directory;
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
