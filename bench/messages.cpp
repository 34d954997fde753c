// Messages and bytes that each rank sends per window of 64 rows of 64 metrics, counted through
// MPI's profiling interface, and the processor time that a rank spends per window; bench/scaling.py
// makes a model of more ranks from them. Processor time, because on few cores ranks take turns.
#include <mpi.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "support/logging.hpp"
#include "support/mpi_counts.hpp"
#include "support/program.hpp"

namespace {

using namespace ranklog::bench;  // NOLINT: this file is a benchmark

constexpr std::size_t n_metrics = 64;
constexpr int rows_per_window = 64;

double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::vector<double> gather_to_all(double mine, int n_ranks) {
  std::vector<double> all(static_cast<std::size_t>(n_ranks));
  MPI_Allgather(&mine, 1, MPI_DOUBLE, all.data(), 1, MPI_DOUBLE, MPI_COMM_WORLD);
  return all;
}

// Of a binomial tree rooted at 0: rank 0 has ceil(log2(ranks)) children.
int n_children(int rank, int n_ranks) {
  int children = 0;
  for (int bit = 1; rank + bit < n_ranks && (rank & bit) == 0; bit *= 2) ++children;
  return children;
}

struct PerWindow {
  double messages = 0;
  double bytes = 0;
  double collectives = 0;
  double processor_s = 0;
};

// Only what happens inside log(): the flush at the end is a fixed number of messages more.
PerWindow measure(const Sizes& sizes, bool& is_correct) {
  Logging logging(n_metrics);
  logging.log(4 * rows_per_window);
  logging.flush();
  MPI_Barrier(MPI_COMM_WORLD);
  const MpiCounts before = mpi_counts();
  double in_log_s = 0;
  for (int window = 0; window < sizes.n_steps; ++window) {
    const double start_s = processor_seconds();
    logging.log(rows_per_window);
    in_log_s += processor_seconds() - start_s;
    // A job computes between its steps; without it the ranks that only send run far ahead.
    MPI_Barrier(MPI_COMM_WORLD);
  }
  const MpiCounts after = mpi_counts();
  is_correct = logging.finish() && is_correct;
  const auto per_window = [&](std::int64_t n) { return static_cast<double>(n) / sizes.n_steps; };
  return {per_window(after.n_messages - before.n_messages),
          per_window(after.n_message_bytes - before.n_message_bytes),
          per_window(after.n_collectives - before.n_collectives), in_log_s / sizes.n_steps};
}

// Half a ping-pong between ranks 0 and 1, the median of all.
double one_way_s(int n_bytes, int rank) {
  constexpr int n_rounds = 200;
  std::vector<char> data(static_cast<std::size_t>(n_bytes));
  std::vector<double> seconds;
  for (int round = 0; round < n_rounds && rank < 2; ++round) {
    const double start = MPI_Wtime();
    if (rank == 0) MPI_Ssend(data.data(), n_bytes, MPI_BYTE, 1, 9, MPI_COMM_WORLD);
    MPI_Recv(data.data(), n_bytes, MPI_BYTE, 1 - rank, 9, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (rank == 1) MPI_Ssend(data.data(), n_bytes, MPI_BYTE, 0, 9, MPI_COMM_WORLD);
    seconds.push_back((MPI_Wtime() - start) / 2);
  }
  return max_over_ranks(rank == 0 ? median(seconds) : 0);
}

int run(const Sizes& sizes) {
  int rank = 0;
  int n_ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  bool is_correct = true;
  std::vector<PerWindow> repetitions;
  for (int i = 0; i < sizes.n_repetitions; ++i) repetitions.push_back(measure(sizes, is_correct));
  const auto median_of = [&](double PerWindow::*member) {
    std::vector<double> values;
    for (const auto& repetition : repetitions) values.push_back(repetition.*member);
    return median(values);
  };
  const auto messages = gather_to_all(median_of(&PerWindow::messages), n_ranks);
  const auto bytes = gather_to_all(median_of(&PerWindow::bytes), n_ranks);
  const auto collectives = gather_to_all(median_of(&PerWindow::collectives), n_ranks);
  const auto processor_s = gather_to_all(median_of(&PerWindow::processor_s), n_ranks);
  const double small_s = n_ranks > 1 ? one_way_s(8, rank) : 0;
  const double large_s = n_ranks > 1 ? one_way_s(1 << 20, rank) : 0;

  Report report("messages", sizes);
  report.add("messages sent per window, greatest of a rank", "1",
             *std::max_element(messages.begin(), messages.end()));
  report.add("bytes sent per window, greatest of a rank", "bytes",
             *std::max_element(bytes.begin(), bytes.end()));
  report.add("collectives per window, greatest of a rank", "1",
             *std::max_element(collectives.begin(), collectives.end()));
  report.add("processor time per window, rank 0", "us", 1e6 * processor_s.front());
  report.add("processor time per window, last rank", "us", 1e6 * processor_s.back());
  report.add("one way, 8 bytes", "us", 1e6 * small_s);
  report.add("one way, 1 MiB", "us", 1e6 * large_s);
  for (int r = 0; r < n_ranks; ++r) {
    const auto i = static_cast<std::size_t>(r);
    report.add_rank({{"rank", r},
                     {"n_children", n_children(r, n_ranks)},
                     {"messages", messages[i]},
                     {"bytes", bytes[i]},
                     {"processor_s", processor_s[i]}});
  }
  return report.finish(is_correct);
}

}  // namespace

int main(int argc, char** argv) { return program(argc, argv, "messages", {3, 50}, run); }
