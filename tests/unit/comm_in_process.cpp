// In-process ranks: the collectives and messages that everything else is tested on.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ranklog/communicator.hpp"
#include "ranklog/error.hpp"
#include "ranklog/testing.hpp"

using ranklog::Bytes;
using ranklog::CommunicationError;
using ranklog::Communicator;
using ranklog::testing::run_ranks;
using Op = ranklog::Communicator::Op;

namespace {

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}
std::string text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("each in-process rank knows its rank, the size and where it runs") {
  for (const int n_ranks : {1, 2, 7, 64}) {
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n_ranks));
    run_ranks(n_ranks, [&](const Communicator& comm) {
      CHECK(comm.size() == n_ranks);
      CHECK(comm.world_rank() == comm.rank());
      CHECK(comm.library_version() == "in-process ranks");
      ++seen[static_cast<std::size_t>(comm.rank())];
    });
    CHECK(std::all_of(seen.begin(), seen.end(), [](const auto& n) { return n == 1; }));
  }
}

TEST_CASE("broadcast gives every rank the root's bytes, of any length") {
  run_ranks(5, [](const Communicator& comm) {
    for (int root = 0; root < comm.size(); ++root) {
      const std::string mine(static_cast<std::size_t>(comm.rank()) * 1000, 'x');
      const auto got = comm.broadcast(bytes_of(mine), root);
      CHECK(got.size() == static_cast<std::size_t>(root) * 1000);
    }
  });
}

TEST_CASE("all_reduce adds and finds extremes, element by element") {
  run_ranks(6, [](const Communicator& comm) {
    const double r = comm.rank();
    std::vector<double> sums{r, 1};
    comm.all_reduce(std::span(sums), Op::sum);
    CHECK(sums == std::vector<double>{15, 6});
    std::vector<std::int64_t> extremes{comm.rank(), -comm.rank()};
    comm.all_reduce(std::span(extremes), Op::max);
    CHECK(extremes == std::vector<std::int64_t>{5, 0});
    comm.all_reduce(std::span<std::int64_t>(), Op::min);
  });
}

TEST_CASE("gather keeps rank order and unequal lengths, all_gather gives it to all") {
  run_ranks(5, [](const Communicator& comm) {
    const auto mine = bytes_of(std::string(static_cast<std::size_t>(comm.rank()), 'a'));
    const auto at_two = comm.gather(mine, 2);
    CHECK(at_two.size() == (comm.rank() == 2 ? 5U : 0U));
    if (comm.rank() == 2) CHECK(text_of(at_two[4]) == "aaaa");
    const auto everywhere = comm.all_gather(mine);
    REQUIRE(everywhere.size() == 5);
    for (std::size_t r = 0; r < 5; ++r) CHECK(everywhere[r].size() == r);
  });
}

TEST_CASE("messages of one source and tag keep their order, and never meet another tag") {
  run_ranks(2, [](const Communicator& comm) {
    if (comm.rank() == 1) {
      std::vector<ranklog::PostedMessage> posted;
      for (int i = 0; i < 20; ++i)
        posted.push_back(comm.post(0, i % 2, bytes_of(std::to_string(i))));
      return;  // the destructors wait until all are taken
    }
    for (const int tag : {1, 0}) {
      for (int i = tag; i < 20;) {
        if (const auto got = comm.try_receive(1, tag)) {
          CHECK(text_of(*got) == std::to_string(i));
          i += 2;
        }
        std::this_thread::yield();
      }
    }
    CHECK_FALSE(comm.try_receive(1, 0).has_value());
  });
}

TEST_CASE("a message is taken when the receiver has it, not before") {
  run_ranks(2, [](const Communicator& comm) {
    if (comm.rank() == 0) {
      auto posted = comm.post(1, 0, bytes_of("x"));
      CHECK_FALSE(posted.is_taken());
      comm.barrier();
      comm.barrier();
      CHECK(posted.is_taken());
    } else {
      comm.barrier();
      CHECK(comm.try_receive(0, 0).has_value());
      comm.barrier();
    }
  });
}

TEST_CASE("duplicates and parts of a communicator have messages of their own") {
  run_ranks(6, [](const Communicator& comm) {
    const auto copy = comm.duplicate();
    const auto part = comm.split(comm.rank() % 2);
    CHECK(copy.size() == 6);
    CHECK(part.size() == 3);
    CHECK(part.rank() == comm.rank() / 2);
    CHECK(part.world_rank() == comm.rank());
    std::vector<std::int64_t> sum{comm.rank()};
    part.all_reduce(std::span(sum), Op::sum);
    CHECK(sum[0] == (comm.rank() % 2 == 0 ? 6 : 9));

    std::optional<ranklog::PostedMessage> posted;
    if (comm.rank() == 1) posted.emplace(copy.post(0, 3, bytes_of("on the copy")));
    comm.barrier();
    if (comm.rank() == 0) {
      CHECK_FALSE(comm.try_receive(1, 3).has_value());
      CHECK(text_of(*copy.try_receive(1, 3)) == "on the copy");
    }
  });
}

TEST_CASE("the first exception of a rank is rethrown, and ranks that wait for it do not hang") {
  std::atomic<int> n_told{0};
  CHECK_THROWS_WITH_AS(run_ranks(8,
                                 [&](const Communicator& comm) {
                                   if (comm.rank() == 3) throw std::runtime_error("rank 3 broke");
                                   try {
                                     comm.barrier();
                                   } catch (const CommunicationError&) {
                                     ++n_told;
                                     throw;
                                   }
                                 }),
                       "rank 3 broke", std::runtime_error);
  CHECK(n_told == 7);
}

TEST_CASE("different lengths in one collective are an error, not a misread") {
  CHECK_THROWS_AS(run_ranks(2,
                            [](const Communicator& comm) {
                              std::vector<double> data(comm.rank() == 0 ? 2U : 3U);
                              comm.all_reduce(std::span(data), Op::sum);
                            }),
                  CommunicationError);
}

TEST_CASE("an empty communicator says that it is empty") {
  const Communicator empty;
  CHECK_FALSE(static_cast<bool>(empty));
  run_ranks(1, [](Communicator comm) {
    Communicator moved = std::move(comm);
    CHECK(static_cast<bool>(moved));
    CHECK_FALSE(static_cast<bool>(comm));  // NOLINT: that is the point
  });
}

TEST_CASE("a message can be taken without knowing who sent it") {
  run_ranks(4, [](const Communicator& comm) {
    if (comm.rank() != 0) {
      auto message = comm.post(0, 3, bytes_of(std::to_string(comm.rank())));
      while (!message.is_taken()) std::this_thread::yield();
      return;
    }
    int n_received = 0;
    while (n_received < 3) {
      const auto received = comm.try_receive_any(3);
      if (!received) continue;
      CHECK(text_of(received->payload) == std::to_string(received->source));
      ++n_received;
    }
    CHECK(!comm.try_receive_any(3));
  });
}

TEST_CASE("an abandoned message keeps nobody waiting, and can still be taken") {
  std::atomic<bool> has_left{false};
  run_ranks(2, [&](const Communicator& comm) {
    if (comm.rank() == 0) {
      {
        auto message = comm.post(1, 3, bytes_of("left behind"));
        message.abandon();
        CHECK(message.is_taken());
      }
      has_left = true;
      return;
    }
    while (!has_left) std::this_thread::yield();
    CHECK(text_of(comm.try_receive(0, 3).value()) == "left behind");
  });
}

TEST_CASE("a rank that aborts ends the ranks that wait, with its reason") {
  const auto body = [](const Communicator& comm) {
    if (comm.rank() == 1) comm.abort();
    comm.barrier();
  };
  CHECK_THROWS_WITH_AS(run_ranks(3, body), "the job was aborted by rank 1", CommunicationError);
}
