// Guests of a host's MPI: communicators, sub-communicators, several runs in one process.
#include <doctest/doctest.h>
#include <mpi.h>

#include <filesystem>
#include <memory>
#include <string>

#include "mpi/mpi_test.hpp"
#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"
#include "ranklog/mpi.hpp"
#include "support/error_of.hpp"
#include "support/scripted_tracker.hpp"

using ranklog::Accelerator;
using ranklog::Communicator;
using ranklog::ErrorCode;
using ranklog::MemoryTracker;
using ranklog::RunStatus;
using ranklog::mpi_test::SharedDirectory;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;
using ranklog::test_support::error_of;
using ranklog::test_support::Script;
using ranklog::test_support::ScriptedTracker;

namespace {

void log_steps(Accelerator& accelerator, int n_steps) {
  for (int step = 0; step < n_steps; ++step) accelerator.log({{"a", 1.0}}, step);
}

}  // namespace

TEST_CASE("a communicator of the host is duplicated and left alone") {
  MPI_Comm host = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &host);
  const auto memory = std::make_shared<MemoryTracker>();
  {
    Accelerator accelerator({.log_with = memory, .communicator = ranklog::communicator_from(host)});
    accelerator.init_trackers("manners");
    // The host's own messages, with tags that we use too, between the calls.
    const int next = (world_rank() + 1) % world_size();
    const int previous = (world_rank() + world_size() - 1) % world_size();
    for (int tag = 0; tag < 5; ++tag) {
      accelerator.log({{"a", 1.0}}, tag);
      const int sent = 100 * world_rank() + tag;
      int got = -1;
      MPI_Sendrecv(&sent, 1, MPI_INT, next, tag, &got, 1, MPI_INT, previous, tag, host,
                   MPI_STATUS_IGNORE);
      CHECK(got == 100 * previous + tag);
    }
    accelerator.end_training();
  }
  int has_arrived = 1;
  MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, host, &has_arrived, MPI_STATUS_IGNORE);
  CHECK(has_arrived == 0);
  MPI_Comm_free(&host);
  if (world_rank() == 0) CHECK(memory->series("a").size() == 5);
}

TEST_CASE("the host's communicator may be freed while we use our copy") {
  MPI_Comm host = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &host);
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory, .communicator = ranklog::communicator_from(host)});
  MPI_Comm_free(&host);
  accelerator.init_trackers("manners");
  log_steps(accelerator, 3);
  accelerator.end_training();
  if (world_rank() == 0) CHECK(memory->series("a").size() == 3);
}

TEST_CASE("the null communicator is refused with a reason") {
  const auto thrown = error_of([] { (void)ranklog::communicator_from(MPI_COMM_NULL); });
  CHECK(thrown.code == ErrorCode::usage);
  CHECK(thrown.says("not part of the communicator"));
}

TEST_CASE("two groups log into one directory under different run names without meeting") {
  const SharedDirectory shared("groups");
  const int color = world_rank() % 2;
  const auto tracker = std::make_shared<ScriptedTracker>(Script{.needs_directory = true});
  auto part = Communicator::world().split(color);
  const int n_ranks = part.size();
  Accelerator accelerator({.log_with = tracker,
                           .project_dir = shared.path().string(),
                           .communicator = std::move(part),
                           .label = "group-" + std::to_string(color)});
  accelerator.init_trackers("groups", std::nullopt,
                            {.run_name = "member-" + std::to_string(color)});
  CHECK(accelerator.num_processes() == n_ranks);
  log_steps(accelerator, color == 0 ? 20 : 7);
  accelerator.end_training();
  CHECK(std::filesystem::is_directory(shared.path() / "groups" /
                                      ("member-" + std::to_string(color))));
  if (!accelerator.is_main_process()) return;
  const auto records = tracker->records();
  CHECK(records.size() == (color == 0 ? 20U : 7U));
  for (const auto& record : records) {
    CHECK(record.n_ranks == n_ranks);
    CHECK(record.metrics.at(0).statistics.count == n_ranks);
  }
}

TEST_CASE("ranks outside the communicator need not know of the run") {
  auto part = Communicator::world().split(world_rank() == 0 ? 0 : 1);
  if (world_rank() == 0) {
    const auto memory = std::make_shared<MemoryTracker>();
    Accelerator accelerator({.log_with = memory, .communicator = std::move(part)});
    accelerator.init_trackers("manners");
    log_steps(accelerator, 5);
    accelerator.end_training();
    CHECK(memory->series("a").size() == 5);
  }
}

TEST_CASE("one run after another, and two at once, keep to themselves") {
  for (int round = 0; round < 3; ++round) {
    const auto first = std::make_shared<MemoryTracker>();
    const auto second = std::make_shared<MemoryTracker>();
    Accelerator a({.log_with = first});
    a.init_trackers("manners");
    Accelerator b({.log_with = second});
    b.init_trackers("manners");
    for (int step = 0; step < 10; ++step) {
      a.log({{"in a", ranklog::sum(1)}}, step);
      if (step % 2 == 0) b.log({{"in b", ranklog::sum(2)}}, step);
      if (step == 5) a.flush();
    }
    a.end_training();
    b.log({{"in b", ranklog::sum(2)}}, 10);
    b.end_training();
    if (world_rank() != 0) continue;
    CHECK(first->series("in a").size() == 10);
    CHECK(first->series("in b").empty());
    CHECK(second->series("in b").size() == 6);
    CHECK(second->series("in b")[5].integer_value == 2 * world_size());
  }
}

TEST_CASE("a forgotten end_training is made up for by the destructor") {
  const auto memory = std::make_shared<MemoryTracker>();
  {
    Accelerator accelerator({.log_with = memory});
    accelerator.init_trackers("manners");
    log_steps(accelerator, 100);
  }
  if (world_rank() != 0) return;
  CHECK(memory->series("a").size() == 100);
  CHECK(memory->outcome()->status == RunStatus::completed);
}

TEST_CASE("an Accelerator that was never initialised ends quietly") {
  Accelerator accelerator({.log_with = "memory"});
  CHECK(accelerator.trackers().empty());
}

TEST_CASE("the host's error handler stays what it was") {
  MPI_Errhandler before = MPI_ERRHANDLER_NULL;
  MPI_Errhandler after = MPI_ERRHANDLER_NULL;
  MPI_Comm_get_errhandler(MPI_COMM_WORLD, &before);
  { const auto comm = Communicator::world(); }
  MPI_Comm_get_errhandler(MPI_COMM_WORLD, &after);
  CHECK(before == after);
  MPI_Errhandler_free(&before);
  MPI_Errhandler_free(&after);
}
