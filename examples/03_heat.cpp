// A simulation: heat spreads over a plate (explicit 5-point stencil). The rows are shared among
// the ranks, which exchange their border rows by MPI; ranklog uses messages of its own beside.
//   mpirun -n 4 03_heat --rows 128 --columns 128 --steps 200 --project-dir runs
#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <ranklog/ranklog.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/options.hpp"

namespace {

constexpr double hot = 1.0;        // the edge above the first row; the other edges stay at 0
constexpr double diffusion = 0.2;  // time step times conductivity; stable up to 0.25

// This rank's rows of the plate, with one border row above (index 0) and one below.
class Plate {
 public:
  Plate(MPI_Comm comm, int n_all_rows, int n_columns) : comm_(comm), n_columns_(n_columns) {
    int rank = 0;
    int n_ranks = 0;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &n_ranks);
    n_rows_ = n_all_rows / n_ranks + (rank < n_all_rows % n_ranks ? 1 : 0);
    above_ = rank > 0 ? rank - 1 : MPI_PROC_NULL;
    below_ = rank < n_ranks - 1 ? rank + 1 : MPI_PROC_NULL;
    now_.resize(static_cast<std::size_t>(n_rows_ + 2) * static_cast<std::size_t>(n_columns));
    if (rank == 0) std::fill_n(now_.begin(), n_columns, hot);
    next_ = now_;
  }

  // What comes from MPI_PROC_NULL leaves the border row as it is: an edge of the plate.
  void exchange_borders() {
    MPI_Sendrecv(row(1), n_columns_, MPI_DOUBLE, above_, 0, row(n_rows_ + 1), n_columns_,
                 MPI_DOUBLE, below_, 0, comm_, MPI_STATUS_IGNORE);
    MPI_Sendrecv(row(n_rows_), n_columns_, MPI_DOUBLE, below_, 1, row(0), n_columns_, MPI_DOUBLE,
                 above_, 1, comm_, MPI_STATUS_IGNORE);
  }

  // Returns the sum of the squared changes of this rank's cells.
  double advance() {
    double squares = 0;
    for (int i = 1; i <= n_rows_; ++i) {
      for (int j = 1; j + 1 < n_columns_; ++j) {
        const double here = now_[at(i, j)];
        const double change = diffusion * (now_[at(i - 1, j)] + now_[at(i + 1, j)] +
                                           now_[at(i, j - 1)] + now_[at(i, j + 1)] - 4 * here);
        next_[at(i, j)] = here + change;
        squares += change * change;
      }
    }
    std::swap(now_, next_);
    return squares;
  }

 private:
  [[nodiscard]] std::size_t at(int i, int j) const {
    return static_cast<std::size_t>(i) * static_cast<std::size_t>(n_columns_) +
           static_cast<std::size_t>(j);
  }
  double* row(int i) { return &now_[at(i, 0)]; }

  MPI_Comm comm_;
  int n_columns_;
  int n_rows_ = 0;
  int above_ = MPI_PROC_NULL;
  int below_ = MPI_PROC_NULL;
  std::vector<double> now_;
  std::vector<double> next_;
};

void simulate(MPI_Comm comm, const example::Options& options, int n_rows) {
  const int n_columns = options.number("--columns", 128);
  const int n_steps = options.number("--steps", 200);

  ranklog::Accelerator accelerator(
      {.log_with = "hdf5", .project_dir = options.text("--project-dir", "runs")});
  accelerator.define_metric("time/compute_s", {.unit = "s"});
  accelerator.define_metric("time/halo_s", {.reduce = ranklog::Reduction::gather, .unit = "s"});
  accelerator.init_trackers(
      "heat",
      {{"rows", n_rows}, {"columns", n_columns}, {"steps", n_steps}, {"diffusion", diffusion}},
      {.run_name = options.text("--run-name", "")});

  Plate plate(comm, n_rows, n_columns);
  double residual_squared = 0;
  double all_compute_s = 0;
  for (int step = 0; step < n_steps; ++step) {
    const double start = MPI_Wtime();
    plate.exchange_borders();
    const double exchanged = MPI_Wtime();
    residual_squared = plate.advance();
    const double computed = MPI_Wtime();
    all_compute_s += computed - exchanged;
    accelerator.log(
        {// The norm of the whole plate's change is the root of a sum over all ranks. Roots do not
         // add up and squares do, so log the squares; whoever reads the run takes the root.
         {"residual_squared", ranklog::sum(residual_squared)},
         // The mean is what a rank usually needs, the maximum is what the step costs. The row
         // holds both and the rank of the maximum: imbalance = max / value, at no extra message.
         {"time/compute_s", computed - exchanged},
         // Declared as a gather above: every rank's own time is kept, because a slow rank shows in
         // its neighbours' waits. The row's single number is their mean.
         {"time/halo_s", exchanged - start}},
        step);
  }

  // What the program itself needs to know it asks for; these calls wait, log() does not.
  const double residual = std::sqrt(accelerator.reduce(residual_squared));
  const double slowest_s = accelerator.reduce(all_compute_s, ranklog::Reduction::max);
  const double mean_s = accelerator.reduce(all_compute_s, ranklog::Reduction::mean);
  accelerator.end_training();
  accelerator.print("residual after {} steps: {:.12e}", n_steps, residual);
  accelerator.print("imbalance of the computation: {:.2f}", slowest_s / mean_s);
  accelerator.print("run directory: {}", accelerator.run_directory());
}

int run(MPI_Comm comm, const example::Options& options) {
  int rank = 0;
  int n_ranks = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &n_ranks);
  const int n_rows = options.number("--rows", 128);
  if (n_ranks > n_rows) {  // all ranks see the same two numbers, so all leave together
    if (rank == 0) {
      fmt::print(
          stderr,
          "03_heat: {} ranks cannot share {} rows; start at most {} ranks, or give --rows {} "
          "or more\n",
          n_ranks, n_rows, n_rows, n_ranks);
    }
    return 1;
  }
  simulate(comm, options, n_rows);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm comm = MPI_COMM_NULL;  // the program's own; ranklog makes itself another
  MPI_Comm_dup(MPI_COMM_WORLD, &comm);
  int status = 0;
  try {
    status =
        run(comm, {argc, argv, {"--rows", "--columns", "--steps", "--project-dir", "--run-name"}});
  } catch (const std::exception& error) {
    fmt::print(stderr, "03_heat: {}\n", error.what());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  MPI_Comm_free(&comm);
  MPI_Finalize();
  return status;
}
