// How the statistics of a window could reach rank 0: one packed reduction with an operator of our
// own, one reduction per kind, each blocking or not, and ranklog's tree of messages. See
// docs/design/0016: windows of 64 rows of 64 metrics, with min, max, their ranks, mean and std.
#include <mpi.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "support/logging.hpp"
#include "support/program.hpp"
#include "support/world.hpp"

namespace {

using namespace ranklog::bench;  // NOLINT: this file is a benchmark

constexpr std::size_t n_metrics = 64;
constexpr std::size_t n_rows = 64;
constexpr std::size_t n_values = n_metrics * n_rows;

// What the blocks of docs/design/0004 carry of a metric that was merged, with its count.
struct Merged {
  double mean = 0, m2 = 0, min = 0, max = 0;
  std::int32_t min_rank = 0, max_rank = 0;
  double weight = 1;
};

extern "C" void merge_windows(void* from, void* into, int* n, MPI_Datatype*) {
  const auto* a = static_cast<const Merged*>(from);
  auto* b = static_cast<Merged*>(into);
  const int n_merged = *n * static_cast<int>(n_values);
  for (int i = 0; i < n_merged; ++i) {
    const double weight = a[i].weight + b[i].weight;
    const double delta = b[i].mean - a[i].mean;
    b[i].m2 += a[i].m2 + delta * delta * a[i].weight * b[i].weight / weight;
    b[i].mean = a[i].mean + delta * b[i].weight / weight;
    b[i].min_rank = b[i].min < a[i].min ? b[i].min_rank : a[i].min_rank;
    b[i].min = std::min(a[i].min, b[i].min);
    b[i].max_rank = b[i].max > a[i].max ? b[i].max_rank : a[i].max_rank;
    b[i].max = std::max(a[i].max, b[i].max);
    b[i].weight = weight;
  }
}

// Rank 0: the statistics of the last metric of each row are those of value_of().
bool is_right(const World& world, int first_step, std::size_t row, double mean, double max,
              int max_rank) {
  const double least = value_of(n_metrics - 1, first_step + static_cast<int>(row), 0);
  return std::abs(mean - least - (world.n_ranks - 1) / 2.0) < 1e-9 &&
         max_rank == world.n_ranks - 1 && std::abs(max - least - max_rank) < 1e-9;
}

// One packed reduction: a window is one element, so that MPI calls the operator once for it.
class Packed {
 public:
  Packed() {
    MPI_Type_contiguous(sizeof(Merged) * n_values, MPI_BYTE, &type_);
    MPI_Type_commit(&type_);
    MPI_Op_create(merge_windows, 1, &operator_);
  }
  ~Packed() {
    MPI_Op_free(&operator_);
    MPI_Type_free(&type_);
  }
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;

  void put(std::size_t row, std::size_t metric, double value) {
    mine_[row * n_metrics + metric] = {value, 0, value, value, world_.rank, world_.rank, 1};
  }
  void start(int first_step) {
    first_step_ = first_step;
    sent_ = mine_;
    MPI_Ireduce(sent_.data(), all_.data(), 1, type_, operator_, 0, MPI_COMM_WORLD, &request_);
  }
  void reduce(int first_step) {
    first_step_ = first_step;
    MPI_Reduce(mine_.data(), all_.data(), 1, type_, operator_, 0, MPI_COMM_WORLD);
    check();
  }
  void poll() {
    int is_done = 0;
    if (request_ == MPI_REQUEST_NULL) return;
    MPI_Test(&request_, &is_done, MPI_STATUS_IGNORE);
    if (is_done != 0) check();
  }
  void finish() {
    if (request_ == MPI_REQUEST_NULL) return;
    MPI_Wait(&request_, MPI_STATUS_IGNORE);
    check();
  }
  [[nodiscard]] bool is_correct() const { return is_correct_; }

 private:
  void check() {
    for (std::size_t row = 0; row < n_rows && world_.rank == 0; ++row) {
      const Merged& last = all_[row * n_metrics + n_metrics - 1];
      is_correct_ =
          is_correct_ && is_right(world_, first_step_, row, last.mean, last.max, last.max_rank);
    }
  }

  World world_;
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
  MPI_Op operator_ = MPI_OP_NULL;
  MPI_Request request_ = MPI_REQUEST_NULL;
  int first_step_ = 0;
  bool is_correct_ = true;
  std::vector<Merged> mine_ = std::vector<Merged>(n_values);
  std::vector<Merged> sent_ = mine_;
  std::vector<Merged> all_ = mine_;
};

// One reduction per kind: sums and squares, minima with rank, maxima with rank.
class PerKind {
 public:
  void put(std::size_t row, std::size_t metric, double value) {
    const auto i = row * n_metrics + metric;
    sums_[i] = value;
    sums_[n_values + i] = value * value;
    extremes_[i] = {value, world_.rank};
  }
  void start(int first_step) {
    first_step_ = first_step;
    sent_sums_ = sums_;
    sent_extremes_ = extremes_;
    constexpr int n = n_values;
    MPI_Ireduce(sent_sums_.data(), all_sums_.data(), 2 * n, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD,
                &requests_[0]);
    MPI_Ireduce(sent_extremes_.data(), minima_.data(), n, MPI_DOUBLE_INT, MPI_MINLOC, 0,
                MPI_COMM_WORLD, &requests_[1]);
    MPI_Ireduce(sent_extremes_.data(), maxima_.data(), n, MPI_DOUBLE_INT, MPI_MAXLOC, 0,
                MPI_COMM_WORLD, &requests_[2]);
    is_open_ = true;
  }
  void reduce(int first_step) {
    first_step_ = first_step;
    constexpr int n = n_values;
    MPI_Reduce(sums_.data(), all_sums_.data(), 2 * n, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    MPI_Reduce(extremes_.data(), minima_.data(), n, MPI_DOUBLE_INT, MPI_MINLOC, 0, MPI_COMM_WORLD);
    MPI_Reduce(extremes_.data(), maxima_.data(), n, MPI_DOUBLE_INT, MPI_MAXLOC, 0, MPI_COMM_WORLD);
    check();
  }
  void poll() {
    int are_done = 0;
    if (!is_open_) return;
    MPI_Testall(3, requests_.data(), &are_done, MPI_STATUSES_IGNORE);
    if (are_done != 0) close();
  }
  void finish() {
    if (!is_open_) return;
    MPI_Waitall(3, requests_.data(), MPI_STATUSES_IGNORE);
    close();
  }
  [[nodiscard]] bool is_correct() const { return is_correct_; }

 private:
  struct ValueAndRank {
    double value = 0;
    int rank = 0;
  };
  void close() {
    is_open_ = false;
    check();
  }
  void check() {
    for (std::size_t row = 0; row < n_rows && world_.rank == 0; ++row) {
      const auto i = row * n_metrics + n_metrics - 1;
      is_correct_ = is_correct_ && is_right(world_, first_step_, row, all_sums_[i] / world_.n_ranks,
                                            maxima_[i].value, maxima_[i].rank);
    }
  }

  World world_;
  std::array<MPI_Request, 3> requests_{MPI_REQUEST_NULL, MPI_REQUEST_NULL, MPI_REQUEST_NULL};
  bool is_open_ = false;
  int first_step_ = 0;
  bool is_correct_ = true;
  std::vector<double> sums_ = std::vector<double>(2 * n_values);
  std::vector<double> sent_sums_ = sums_, all_sums_ = sums_;
  std::vector<ValueAndRank> extremes_ = std::vector<ValueAndRank>(n_values);
  std::vector<ValueAndRank> sent_extremes_ = extremes_, minima_ = extremes_, maxima_ = extremes_;
};

// `polls`: the reduction of a window goes on while the next one is filled.
template <class Exchange>
std::vector<double> time_windows(Sizes sizes, bool polls, bool& is_correct) {
  const World world;
  Exchange exchange;
  const int rows_per_window = static_cast<int>(n_rows);
  sizes.n_steps = std::max(1, sizes.n_steps / rows_per_window) * rows_per_window;
  auto ns_per_step = time_steps(sizes, [&](int n_steps) {
    for (int step = 0; step < n_steps; ++step) {
      const auto row = static_cast<std::size_t>(step) % n_rows;
      for (std::size_t i = 0; i < n_metrics; ++i) {
        exchange.put(row, i, value_of(i, step, world.rank));
      }
      if (polls) exchange.poll();
      if (row + 1 < n_rows) continue;
      const int first_step = step + 1 - rows_per_window;
      if (polls) {
        exchange.finish();
        exchange.start(first_step);
      } else {
        exchange.reduce(first_step);
      }
    }
    exchange.finish();
  });
  is_correct = is_correct && exchange.is_correct();
  return ns_per_step;
}

std::vector<double> time_tree(const Sizes& sizes, bool& is_correct) {
  Logging logging(n_metrics);
  auto ns_per_step = time_steps(sizes, [&](int n_steps) {
    logging.log(n_steps);
    logging.flush();
  });
  is_correct = logging.finish() && is_correct;
  return ns_per_step;
}

int run(const Sizes& sizes) {
  bool is_correct = true;
  Report report("exchange_choices", sizes);
  report.add("one packed reduction, MPI_Reduce", "ns/step",
             time_windows<Packed>(sizes, false, is_correct));
  report.add("one packed reduction, MPI_Ireduce", "ns/step",
             time_windows<Packed>(sizes, true, is_correct));
  report.add("one reduction per kind, MPI_Reduce", "ns/step",
             time_windows<PerKind>(sizes, false, is_correct));
  report.add("one reduction per kind, MPI_Ireduce", "ns/step",
             time_windows<PerKind>(sizes, true, is_correct));
  report.add("tree of messages: log of 64 numbers", "ns/step", time_tree(sizes, is_correct));
  return report.finish(is_correct);
}

}  // namespace

int main(int argc, char** argv) { return program(argc, argv, "exchange_choices", {15, 6400}, run); }
