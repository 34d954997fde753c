// Several Accelerators at once on communicators that share ranks, with the calls to them in
// another order on each rank.
#include <doctest/doctest.h>
#include <mpi.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mpi/mpi_test.hpp"
#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"
#include "ranklog/mpi.hpp"

using ranklog::Accelerator;
using ranklog::MemoryTracker;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;

namespace {

constexpr int n_steps = 40;

// A run of the ranks from `first` to `last` of the world; null on other ranks.
struct Session {
  std::shared_ptr<MemoryTracker> memory = std::make_shared<MemoryTracker>();
  std::unique_ptr<Accelerator> accelerator;
};

Session make_session(int first, int last) {
  const bool is_member = first <= world_rank() && world_rank() <= last;
  MPI_Comm part = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, is_member ? 0 : MPI_UNDEFINED, 0, &part);
  Session session;
  if (!is_member) return session;
  session.accelerator = std::make_unique<Accelerator>(ranklog::AcceleratorOptions{
      .log_with = session.memory,
      .communicator = ranklog::communicator_from(part),
      .label = "ranks " + std::to_string(first) + " to " + std::to_string(last),
      .window_rows = 4});
  MPI_Comm_free(&part);
  session.accelerator->init_trackers("overlapping");
  return session;
}

void log_step(const Session& session, int step) {
  if (session.accelerator) session.accelerator->log({{"a", ranklog::sum(1 + step)}}, step);
}

void check_rows(const Session& session) {
  if (!session.accelerator || !session.accelerator->is_main_process()) return;
  const auto rows = session.memory->series("a");
  REQUIRE(rows.size() == n_steps);
  const int n_ranks = session.accelerator->num_processes();
  for (int step = 0; step < n_steps; ++step) {
    const auto& row = rows[static_cast<std::size_t>(step)];
    CHECK(row.statistics.count == n_ranks);
    CHECK(row.integer_value == n_ranks * (1 + step));
  }
}

}  // namespace

TEST_CASE("two runs on communicators that share ranks, called in another order on each rank") {
  const int last = world_size() - 1;
  const Session lower = make_session(0, last > 0 ? last - 1 : 0);
  const Session upper = make_session(last > 0 ? 1 : 0, last);
  for (int step = 0; step < n_steps; ++step) {
    // Rank 0 logs to the lower run first, 3 to the upper, 1 alternates, 2 does one run after the
    // other.
    const int order = world_rank() % 4;
    if (order == 2) continue;
    const Session& first = order == 0 || (order == 1 && step % 2 == 0) ? lower : upper;
    const Session& second = &first == &lower ? upper : lower;
    log_step(first, step);
    log_step(second, step);
  }
  for (int step = 0; world_rank() % 4 == 2 && step < n_steps; ++step) log_step(upper, step);
  for (int step = 0; world_rank() % 4 == 2 && step < n_steps; ++step) log_step(lower, step);
  for (const Session* session : {&lower, &upper}) {
    if (session->accelerator) session->accelerator->end_training();
    check_rows(*session);
  }
}

TEST_CASE("a run on all ranks goes on while runs on parts of them come and go") {
  const int half = world_size() / 2;
  const Session whole = make_session(0, world_size() - 1);
  for (int step = 0; step < n_steps; ++step) {
    log_step(whole, step);
    if (step % 10 != 5) continue;
    const Session part = step < n_steps / 2 ? make_session(0, half) : make_session(half, half);
    // The part's steps do not wait for the whole's, nor the other way round.
    for (int own = 0; own < n_steps; ++own) log_step(part, own);
    if (part.accelerator) part.accelerator->end_training();
    check_rows(part);
  }
  whole.accelerator->flush();
  check_rows(whole);
  whole.accelerator->end_training();
}
