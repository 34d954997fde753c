// From what the user typed to run files, and from runs to names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ranklog/provenance.hpp"

namespace ranklog::tool {

inline constexpr const char* default_directory = "runs";

// The file of `run`: a run directory or file, as given or below `runs`.
// Errors: DirectoryError if there is no such path, or it is a directory that is no run.
[[nodiscard]] std::filesystem::path find_run_file(const std::string& run);

// How `ls` names a run file: its directory, relative to `directory`; the file itself where it is
// not called run.h5.
[[nodiscard]] std::string name_below(const std::filesystem::path& run_file,
                                     const std::filesystem::path& directory);

// Distinct hosts in the order of their lowest rank.
[[nodiscard]] std::vector<std::string> hosts_of(const Provenance& provenance);

// Empty when the run does not say.
[[nodiscard]] std::string host_of(const Provenance& provenance, std::int32_t rank);

// The first label of a host name; an address stays whole.
[[nodiscard]] std::string short_host(const std::string& host);

// What `message` says after it named the run file: for places that show the file beside it.
[[nodiscard]] std::string reason_of(const std::string& message,
                                    const std::filesystem::path& run_file);

}  // namespace ranklog::tool
