// For tests that run under mpiexec: every rank runs every case, in the same order. A case ends
// with an agreement on its failures, so all ranks exit alike. Before a collective call use
// REQUIRE_ALL_RANKS, since a plain REQUIRE that fails on one rank leaves the others waiting; a
// rank that misses the end of a case by a minute is named and the job is aborted.
#pragma once

#include <doctest/doctest.h>
#include <mpi.h>

#include <filesystem>
#include <string_view>

namespace ranklog::mpi_test {

[[nodiscard]] int world_rank();
[[nodiscard]] int world_size();

// Collective. True on all ranks if `condition` is true on all.
[[nodiscard]] bool all_ranks(bool condition);

// A new, empty directory that all ranks see, made by rank 0 and removed by it when the last rank
// has left. Construction and destruction are collective.
class SharedDirectory {
 public:
  explicit SharedDirectory(std::string_view name);
  ~SharedDirectory();
  SharedDirectory(const SharedDirectory&) = delete;
  SharedDirectory& operator=(const SharedDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace ranklog::mpi_test

// Collective: fails on all ranks if the condition is false on any.
#define CHECK_ALL_RANKS(...) CHECK_MESSAGE(ranklog::mpi_test::all_ranks(__VA_ARGS__), #__VA_ARGS__)
#define REQUIRE_ALL_RANKS(...) \
  REQUIRE_MESSAGE(ranklog::mpi_test::all_ranks(__VA_ARGS__), #__VA_ARGS__)
