// Reads a run that a job may be writing: what fails because a block is just being written is
// tried again on a newly opened file, as docs/format.md asks of readers.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "tools/ranklog/run_status.hpp"

namespace ranklog::tool {

class PatientReader {
 public:
  explicit PatientReader(std::filesystem::path run_file) : run_file_(std::move(run_file)) {}

  // What `body`, called with a RunReader, returns. It may be called several times.
  // Errors: those of RunReader that remain.
  template <class Body>
  auto read(Body body) {
    while (true) {
      try {
        if (!reader_) reader_.emplace(run_file_);
        return body(*reader_);
      } catch (const FileFormatError& error) {
        // Closed before it is opened again: HDF5 shares what it cached between open handles.
        reader_.reset();
        if (!was_just_written()) throw;
        if (n_retries_left_ == 0) {
          throw FileFormatError(std::string(error.what()) +
                                "; if a job is writing it just now, try again");
        }
        --n_retries_left_;
        std::this_thread::sleep_for(pause);
      }
    }
  }

 private:
  static constexpr std::chrono::milliseconds pause{100};
  static constexpr std::int64_t just_written_s = 10;

  [[nodiscard]] bool was_just_written() const {
    const auto quiet_s = quiet_time_s(run_file_);
    return quiet_s && *quiet_s <= just_written_s;
  }

  std::filesystem::path run_file_;
  std::optional<RunReader> reader_;
  int n_retries_left_ = 10;  // of all reads together: about a second for a damaged file
};

}  // namespace ranklog::tool
