#include <doctest/doctest.h>
#include <unistd.h>

#include <mutex>
#include <optional>
#include <string>

#include "provenance/process_facts.hpp"
#include "provenance/provenance.hpp"
#include "ranklog/testing.hpp"

using ranklog::Communicator;
using ranklog::ConfigValue;
using ranklog::Provenance;
using ranklog::to_text;
using ranklog::provenance::collect;

TEST_CASE("rank 0 knows every rank, and the others know nothing") {
  for (const int n_ranks : {1, 2, 5, 16}) {
    CAPTURE(n_ranks);
    Provenance at_main;
    std::mutex mutex;
    std::size_t n_elsewhere = 0;
    ranklog::testing::run_ranks(n_ranks, [&](Communicator comm) {
      Provenance here = collect(comm, "ensemble-3");
      const std::lock_guard lock(mutex);
      if (comm.rank() == 0)
        at_main = std::move(here);
      else
        n_elsewhere += here.ranks.size() + here.facts.size();
    });
    CHECK(n_elsewhere == 0);
    REQUIRE(at_main.ranks.size() == static_cast<std::size_t>(n_ranks));
    for (int rank = 0; rank < n_ranks; ++rank) {
      const auto& info = at_main.ranks[static_cast<std::size_t>(rank)];
      CHECK(info.world_rank == rank);
      CHECK(info.node_rank == rank);
      CHECK(info.host == ranklog::provenance::host_name());
      CHECK(info.pid == ::getpid());
      CHECK(info.device == "cpu");
    }
    const auto& facts = at_main.facts;
    REQUIRE(facts.find("jobsize") != nullptr);
    CHECK(to_text(*facts.find("jobsize")) == std::to_string(n_ranks));
    CHECK(to_text(*facts.find("numhosts")) == "1");
    CHECK(facts.find("hostlist")->get_if<ConfigValue::List>()->size() == 1);
    CHECK(to_text(*facts.find("label")) == "ensemble-3");
    CHECK(to_text(*facts.find("mpi_library")) == "in-process ranks");
    CHECK(facts.find("mpi_version") == nullptr);
  }
}

TEST_CASE("a node rank that the caller knows is taken, and an empty label is left out") {
  ranklog::testing::run_ranks(2, [](Communicator comm) {
    const Provenance here = collect(comm, "", 40 + comm.rank());
    if (comm.rank() != 0) return;
    CHECK(here.ranks[1].node_rank == 41);
    CHECK(here.facts.find("label") == nullptr);
  });
}

TEST_CASE("the GPU of each rank travels to rank 0, and a rank without one is on the cpu") {
  ranklog::testing::run_ranks(2, [](Communicator comm) {
    std::optional<ranklog::provenance::DeviceInUse> device;
    if (comm.rank() == 1) {
      device = ranklog::provenance::DeviceInUse{3, {"Card", "GPU-9", 1 << 30, "13.0", "12.8"}};
    }
    const Provenance here = collect(comm, "", comm.rank(), device);
    if (comm.rank() != 0) return;
    CHECK(here.ranks[0].device == "cpu");
    CHECK(here.ranks[0].gpu.uuid.empty());
    CHECK(here.ranks[1].device == "cuda:3");
    CHECK(here.ranks[1].gpu.name == "Card");
    CHECK(here.ranks[1].gpu.uuid == "GPU-9");
    CHECK(here.ranks[1].gpu.memory_bytes == 1 << 30);
    CHECK(here.ranks[1].gpu.driver_version == "13.0");
    CHECK(here.ranks[1].gpu.runtime_version == "12.8");
    CHECK(here.ranks[1].host == ranklog::provenance::host_name());
  });
}
