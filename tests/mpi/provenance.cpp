// Provenance over real MPI: hosts, node ranks and the library's own words.
#include "provenance/provenance.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "mpi/mpi_test.hpp"
#include "provenance/process_facts.hpp"
#include "ranklog/mpi.hpp"

using ranklog::Communicator;
using ranklog::Provenance;
using ranklog::to_text;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;

TEST_CASE("rank 0 learns the process, host and node rank of every rank") {
  const Communicator comm = ranklog::communicator_from(MPI_COMM_WORLD);
  const Provenance here = ranklog::provenance::collect(comm, "");
  const std::int64_t pid = ::getpid();
  std::vector<std::int64_t> pids(static_cast<std::size_t>(world_size()));
  MPI_Gather(&pid, 1, MPI_INT64_T, pids.data(), 1, MPI_INT64_T, 0, MPI_COMM_WORLD);
  CHECK(here.ranks.empty() == (world_rank() != 0));
  if (world_rank() != 0) return;
  REQUIRE(here.ranks.size() == pids.size());
  for (std::size_t rank = 0; rank < pids.size(); ++rank) {
    CHECK(here.ranks[rank].pid == pids[rank]);
    CHECK(here.ranks[rank].world_rank == static_cast<std::int32_t>(rank));
    CHECK(here.ranks[rank].node_rank == static_cast<std::int32_t>(rank));
    CHECK(here.ranks[rank].host == ranklog::provenance::host_name());
  }
  CHECK(to_text(*here.facts.find("jobsize")) == std::to_string(world_size()));
}

TEST_CASE("a part of the job reports its own size with ranks of the whole job") {
  const Communicator comm =
      ranklog::communicator_from(MPI_COMM_WORLD).split(world_rank() % 2 == 0 ? 0 : 1);
  const Provenance here = ranklog::provenance::collect(comm, "part");
  if (comm.rank() != 0) return;
  REQUIRE(here.ranks.size() == static_cast<std::size_t>(comm.size()));
  for (std::size_t i = 0; i < here.ranks.size(); ++i)
    CHECK(here.ranks[i].world_rank == world_rank() + 2 * static_cast<std::int32_t>(i));
  CHECK(to_text(*here.facts.find("jobsize")) == std::to_string(comm.size()));
}

TEST_CASE("the MPI library is recorded with its standard, vendor and version") {
  const Communicator comm = ranklog::communicator_from(MPI_COMM_WORLD);
  const Provenance here = ranklog::provenance::collect(comm, "");
  if (world_rank() != 0) return;
  CHECK(to_text(*here.facts.find("mpi_version")) ==
        std::to_string(MPI_VERSION) + "." + std::to_string(MPI_SUBVERSION));
  CHECK_FALSE(to_text(*here.facts.find("mpi_library")).empty());
  REQUIRE(here.facts.find("mpi_library_vendor") != nullptr);
  const std::string version = to_text(*here.facts.find("mpi_library_version"));
#if defined(OPEN_MPI)
  CHECK(to_text(*here.facts.find("mpi_library_vendor")) == "Open MPI");
  CHECK(version.starts_with(std::to_string(OMPI_MAJOR_VERSION) + "."));
#elif defined(MPICH_VERSION)
  CHECK(version == MPICH_VERSION);
#endif
}

TEST_CASE("no value of a variable that is not on the list is recorded") {
  ::setenv("RANKLOG_TEST_SECRET_TOKEN", "s3cr3t-value", 1);
  ::setenv("SLURM_JWT", "s3cr3t-value", 1);
  const Communicator comm = ranklog::communicator_from(MPI_COMM_WORLD);
  const Provenance here = ranklog::provenance::collect(comm, "");
  ::unsetenv("RANKLOG_TEST_SECRET_TOKEN");
  ::unsetenv("SLURM_JWT");
  const auto& items = here.facts.items();
  CHECK(std::none_of(items.begin(), items.end(), [](const auto& item) {
    return to_text(item.value).find("s3cr3t") != std::string::npos;
  }));
}
