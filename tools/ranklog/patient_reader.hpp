// Reads a run that a job may be writing: what fails because a block is just being written is
// tried again on a newly opened file, as docs/format.md asks of readers.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "tools/ranklog/run_status.hpp"

namespace ranklog::tool {

class PatientReader {
 public:
  // `path` as for RunReader, whose errors all members pass on after the last attempt.
  explicit PatientReader(std::filesystem::path path) : path_(std::move(path)) {
    path_ = read([](const RunReader& reader) { return reader.path(); });
  }

  // Of the run file.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  // What `body`, called with a RunReader, returns. It may be called several times.
  template <class Body>
  auto read(Body body) {
    for (int attempt = 1;; ++attempt) {
      try {
        if (!reader_) reader_.emplace(path_);
        return body(*reader_);
      } catch (const FileFormatError&) {
        // Closed before it is opened again: HDF5 shares what it cached between open handles.
        reader_.reset();
        if (attempt == max_attempts || !was_just_written()) throw;
        std::this_thread::sleep_for(pause);
      }
    }
  }

 private:
  static constexpr int max_attempts = 6;
  static constexpr std::chrono::milliseconds pause{100};
  static constexpr std::int64_t just_written_s = 10;

  [[nodiscard]] bool was_just_written() const {
    const auto quiet_s = quiet_time_s(path_);
    return quiet_s && *quiet_s <= just_written_s;
  }

  std::filesystem::path path_;
  std::optional<RunReader> reader_;
};

}  // namespace ranklog::tool
