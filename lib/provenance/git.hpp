// The commit of the repository that a directory belongs to, read from git's files. No process is
// started: fork inside an MPI job can break the network. Only a checked hash ever leaves this file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace ranklog::provenance {

// The commit (40 or 64 hex digits) that is checked out in the repository around `directory`.
// Nothing when there is no repository, no commit yet, or its files do not make sense.
[[nodiscard]] std::optional<std::string> find_git_commit(const std::filesystem::path& directory);

}  // namespace ranklog::provenance
