// Makes the folder of a run and its names. Used on rank 0 only.
#pragma once

#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>

#include "provenance/environment.hpp"

namespace ranklog {

struct RunDirectory {
  std::string run_name;
  std::string run_id;          // unique: 16 hex digits
  std::filesystem::path path;  // absolute; exists and is new
};

// Makes <logging_dir>/<project>/<run_name>, with the folders above it where they are missing. The
// run's folder is made exclusively, so of two jobs that want one name, one fails. Without a
// run_name: default_run_name(), with "-2", "-3", ... behind it if that is taken.
// Errors: InvalidNameError; RunExistsError when a given name is taken; DirectoryError with the
// path, the system's reason and what to do; IoError when the system has no random numbers.
[[nodiscard]] RunDirectory create_run_directory(const std::filesystem::path& logging_dir,
                                                std::string_view project,
                                                std::string_view run_name);

// The scheduler's job ("slurm-12345"), else local date and time ("20261123-101500").
[[nodiscard]] std::string default_run_name(const provenance::Environment& environment,
                                           std::time_t now);

// 16 random hex digits. Errors: IoError.
[[nodiscard]] std::string make_run_id();

}  // namespace ranklog
