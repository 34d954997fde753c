// Rows P1 to P5 and P12 of docs/tracking_contract.md: who am I, who runs what, who waits for whom.
#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "contract/contract_test.hpp"
#include "mpi/mpi_test.hpp"
#include "ranklog/mpi.hpp"
#include "ranklog/ranklog.hpp"

using namespace ranklog;
using namespace ranklog::contract;
using ranklog::mpi_test::SharedDirectory;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;

namespace {

struct Node {
  int rank = 0;
  int n_ranks = 1;
  int n_nodes = 1;
};

// Asked of MPI directly.
Node my_node() {
  Node node;
  MPI_Comm comm = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, world_rank(), MPI_INFO_NULL, &comm);
  MPI_Comm_rank(comm, &node.rank);
  MPI_Comm_size(comm, &node.n_ranks);
  MPI_Comm_free(&comm);
  const int is_first = node.rank == 0 ? 1 : 0;
  MPI_Allreduce(&is_first, &node.n_nodes, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  return node;
}

void append(const std::filesystem::path& path, char letter) {
  std::ofstream(path, std::ios::app) << letter;
}

std::string contents_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void rest() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

}  // namespace

TEST_CASE("P1: every rank knows its place in the job and on its node") {
  const Accelerator accelerator;
  const Node node = my_node();
  CHECK(accelerator.process_index() == world_rank());
  CHECK(accelerator.num_processes() == world_size());
  CHECK(accelerator.local_process_index() == node.rank);
  CHECK(accelerator.is_main_process() == (world_rank() == 0));
  CHECK(accelerator.is_local_main_process() == (node.rank == 0));
  CHECK(accelerator.is_last_process() == (world_rank() == world_size() - 1));
  CHECK(accelerator.device() == "cpu");
}

TEST_CASE("P1: in a part of the job the place is that in the part") {
  const int color = world_rank() % 2;
  const Accelerator accelerator(
      {.communicator = communicator_from(MPI_COMM_WORLD).split(color), .label = "part"});
  CHECK(accelerator.process_index() == world_rank() / 2);
  CHECK(accelerator.num_processes() == (world_size() + 1 - color) / 2);
}

TEST_CASE("P2: a wrapped function runs on the ranks that are meant and nowhere else") {
  const Accelerator accelerator;
  const auto twice = [](int x) { return 2 * x; };
  const bool is_main = world_rank() == 0;
  CHECK(accelerator.on_main_process(twice)(21) == (is_main ? std::optional(42) : std::nullopt));
  const Node node = my_node();
  CHECK(accelerator.on_local_main_process(twice)(1).has_value() == (node.rank == 0));
  CHECK(accelerator.on_last_process(twice)(1).has_value() == (world_rank() == world_size() - 1));
  CHECK(accelerator.on_process(twice, 1)(1).has_value() == (world_rank() == 1));
  CHECK(accelerator.on_local_process(twice, 1)(1).has_value() == (node.rank == 1));
  CHECK_FALSE(accelerator.on_process(twice, world_size())(1).has_value());
}

TEST_CASE("P2: a wrapped function keeps its references, its exceptions and its lack of a result") {
  const Accelerator accelerator;
  int n_calls = 0;
  auto count = accelerator.on_main_process([](int& n) { ++n; });
  count(n_calls);
  count(n_calls);
  const bool is_main = world_rank() == 0;
  CHECK(n_calls == (is_main ? 2 : 0));
  CHECK(std::is_void_v<decltype(count(n_calls))>);

  auto refuse = accelerator.on_main_process([] { throw std::runtime_error("refused"); });
  CHECK(failure_of([&] { refuse(); }).says("refused") == is_main);

  auto take = accelerator.on_main_process([](std::unique_ptr<int> p) { return *p; });
  CHECK(take(std::make_unique<int>(3)).value_or(0) == (is_main ? 3 : 0));
}

TEST_CASE("P3: main_process_first runs the main process before the others") {
  const SharedDirectory shared("p3");
  const auto path = shared.path() / "order";
  const Accelerator accelerator;
  const auto body = [&] {
    if (world_rank() == 0) rest();
    append(path, world_rank() == 0 ? 'm' : 'o');
  };
  accelerator.main_process_first(body);
  accelerator.wait_for_everyone();
  const std::string order = contents_of(path);
  CHECK(order == "m" + std::string(static_cast<std::size_t>(world_size() - 1), 'o'));
}

TEST_CASE("P3: local_main_process_first runs the first rank of each node before the others") {
  const SharedDirectory shared("p3_local");
  const auto path = shared.path() / "order";
  const Accelerator accelerator;
  accelerator.local_main_process_first([&] {
    if (accelerator.is_local_main_process()) rest();
    append(path, accelerator.is_local_main_process() ? 'm' : 'o');
  });
  accelerator.wait_for_everyone();
  const Node node = my_node();
  const std::string order = contents_of(path);
  if (node.n_nodes == 1) CHECK(order == "m" + std::string(order.size() - 1, 'o'));
  CHECK(order.size() == static_cast<std::size_t>(world_size()));
}

TEST_CASE("P3: if the main process throws the others run all the same and nobody hangs") {
  const Accelerator accelerator;
  int n_runs = 0;
  const Failure failure = failure_of([&] {
    accelerator.main_process_first([&] {
      ++n_runs;
      if (world_rank() == 0) throw std::runtime_error("download failed");
    });
  });
  CHECK(n_runs == 1);
  CHECK(failure.says("download failed") == (world_rank() == 0));
}

TEST_CASE("P4: print prints once per node") {
  const int n_nodes = my_node().n_nodes;
  const std::string text = printed(STDOUT_FILENO, [] {
    const Accelerator accelerator;
    accelerator.print("epoch {} of {}", 3, 10);
    accelerator.print("done");
  });
  CHECK(n_occurrences(text, "epoch 3 of 10\n") == n_nodes);
  CHECK(n_occurrences(text, "done\n") == n_nodes);
  CHECK(n_occurrences(text, "\n") == 2 * n_nodes);
}

TEST_CASE("P5: wait_for_everyone returns when the last rank has come") {
  const SharedDirectory shared("p5");
  const auto path = shared.path() / "arrived";
  const Accelerator accelerator;
  if (accelerator.is_last_process()) {
    rest();
    append(path, 'x');
  }
  accelerator.wait_for_everyone();
  CHECK(contents_of(path) == "x");
}

TEST_CASE("P12: a trigger that any rank sets is seen by all at the next check, once") {
  Accelerator accelerator;
  CHECK_FALSE(accelerator.check_trigger());
  for (int setter = 0; setter < world_size(); ++setter) {
    if (world_rank() == setter) accelerator.set_trigger();
    CHECK(accelerator.check_trigger());
    CHECK_FALSE(accelerator.check_trigger());
  }
  accelerator.set_trigger();
  accelerator.set_trigger();
  CHECK(accelerator.check_trigger());
  CHECK_FALSE(accelerator.check_trigger());
}
