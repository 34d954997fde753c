// Messages over MPI that are not what the rest of the tests exercise all the time.
#include <doctest/doctest.h>
#include <mpi.h>

#include <cmath>
#include <optional>
#include <vector>

#include "mpi/call_counter.hpp"
#include "mpi/mpi_test.hpp"
#include "ranklog/collectives.hpp"
#include "ranklog/communicator.hpp"

using ranklog::Bytes;
using ranklog::Communicator;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;

TEST_CASE("a message can be taken without knowing who sent it") {
  const auto comm = Communicator::world();
  const auto me = static_cast<std::byte>(world_rank());
  if (world_rank() > 0) {
    auto message = comm.post(0, 7, Bytes{me, me});
    while (!message.is_taken()) {
    }
  } else {
    std::vector<int> seen(static_cast<std::size_t>(world_size()), 0);
    for (int n = 1; n < world_size();) {
      const auto received = comm.try_receive_any(7);
      if (!received) continue;
      const auto sender = static_cast<std::byte>(received->source);
      CHECK(received->payload == Bytes{sender, sender});
      ++seen[static_cast<std::size_t>(received->source)];
      ++n;
    }
    for (int rank = 1; rank < world_size(); ++rank)
      CHECK(seen[static_cast<std::size_t>(rank)] == 1);
  }
  CHECK(!comm.try_receive_any(7));
}

TEST_CASE("an abandoned message keeps nobody waiting, and can still be taken") {
  // No rank of ours sends to itself; MPICH 4.0 over UCX crashes in a freed send to oneself.
  if (world_size() == 1) return;
  const auto comm = Communicator::world();
  const int next = (world_rank() + 1) % world_size();
  const int previous = (world_rank() + world_size() - 1) % world_size();
  {
    // Beyond what MPI sends at once, so that it still needs the payload afterwards.
    auto message = comm.post(next, 7, Bytes(1'000'000, std::byte{5}));
    message.abandon();
  }
  comm.barrier();
  std::optional<Bytes> got;
  while (!got) got = comm.try_receive(previous, 7);
  CHECK(*got == Bytes(1'000'000, std::byte{5}));
  comm.barrier();
}

TEST_CASE("a vector is reduced by two collectives and gathered by three, to the same bits on all") {
  const auto comm = Communicator::world();
  std::vector<double> mine;
  for (int i = 0; i < 10'000; ++i) mine.push_back(std::sin(i + 1e4 * world_rank()));
  const auto start = ranklog::mpi_test::calls_so_far();
  const auto sums = ranklog::collectives::reduce(comm, mine);
  const auto reduced = ranklog::mpi_test::calls_so_far();
  const auto all = ranklog::collectives::gather(comm, mine);
  const auto gathered = ranklog::mpi_test::calls_so_far();
  CHECK_ALL_RANKS((reduced - start).waiting == 2);
  CHECK_ALL_RANKS((gathered - reduced).waiting == 3);
  REQUIRE(all.size() == mine.size() * static_cast<std::size_t>(world_size()));
  bool is_right = true;
  for (std::size_t i = 0; i < mine.size(); ++i) {
    double expected = 0;
    for (std::size_t r = 0; r < all.size(); r += mine.size()) expected += all[r + i];
    is_right = is_right && std::abs(sums[i] - expected) < 1e-13;
  }
  CHECK_ALL_RANKS(is_right);
  const auto of_all = ranklog::collectives::gather(comm, sums);
  bool is_same = true;
  for (std::size_t i = 0; i < of_all.size(); ++i) {
    is_same = is_same && of_all[i] == sums[i % sums.size()];
  }
  CHECK_ALL_RANKS(is_same);
}
