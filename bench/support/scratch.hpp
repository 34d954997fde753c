// A directory for the files of a benchmark.
#pragma once

#include <mpi.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <filesystem>
#include <system_error>

#include "support/world.hpp"

namespace ranklog::bench {

// Collective. A directory of rank 0's choice below the temporary directory, gone at the end.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::array<char, 256> name{};
    const auto path = std::filesystem::temp_directory_path() / "ranklog-bench-XXXXXX";
    path.string().copy(name.data(), name.size() - 1);
    if (World().rank == 0 && mkdtemp(name.data()) == nullptr) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Bcast(name.data(), static_cast<int>(name.size()), MPI_CHAR, 0, MPI_COMM_WORLD);
    path_ = name.data();
  }
  ~ScratchDirectory() {
    // After an error the other ranks may never come; program() ends them.
    if (std::uncaught_exceptions() == 0) MPI_Barrier(MPI_COMM_WORLD);
    std::error_code ignored;
    if (World().rank == 0) std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace ranklog::bench
