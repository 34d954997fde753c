// A program that is there already: it has its own MPI_Init and its own communicators, one for
// each of two teams that estimate pi by throwing darts. The lines marked [1] to [5] add logging;
// nothing else had to change. Each team is a run of its own.
//   mpirun -n 4 05_existing_mpi_program runs
#include <mpi.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <random>
#include <ranklog/mpi.hpp>      // [1] communicator_from takes an MPI_Comm
#include <ranklog/ranklog.hpp>  // [1]
#include <string>

namespace {

constexpr int n_rounds = 20;
constexpr int n_darts = 10'000;  // a round and rank

std::int64_t throw_darts(std::mt19937_64& random) {
  std::int64_t n_hits = 0;
  for (int i = 0; i < n_darts; ++i) {
    const double x = static_cast<double>(random() >> 11) * 0x1.0p-53;
    const double y = static_cast<double>(random() >> 11) * 0x1.0p-53;
    n_hits += x * x + y * y < 1 ? 1 : 0;
  }
  return n_hits;
}

double estimate(std::int64_t n_hits, double n_thrown) {
  return 4 * static_cast<double>(n_hits) / n_thrown;
}

void work_in_team(MPI_Comm team_comm, int team, int world_rank, const std::string& directory) {
  const std::string name = "team-" + std::to_string(team);
  ranklog::Accelerator accelerator({.log_with = "hdf5",  // [2] one Accelerator a team
                                    .project_dir = directory,
                                    .communicator = ranklog::communicator_from(team_comm),
                                    .label = name});
  accelerator.init_trackers("darts", {{"team", team}}, {.run_name = name});  // [3]

  std::mt19937_64 random(static_cast<std::uint64_t>(world_rank));
  std::int64_t n_hits = 0;
  for (int round = 0; round < n_rounds; ++round) {
    const std::int64_t n_new = throw_darts(random);
    n_hits += n_new;
    accelerator.log({{"pi", estimate(n_new, n_darts)}, {"hits", ranklog::sum(n_new)}},
                    round);  // [4]
  }

  std::int64_t n_team_hits = 0;
  int n_ranks = 0;
  MPI_Reduce(&n_hits, &n_team_hits, 1, MPI_INT64_T, MPI_SUM, 0, team_comm);
  MPI_Comm_size(team_comm, &n_ranks);
  accelerator.end_training();  // [5] MPI goes on as before
  int team_rank = 0;
  MPI_Comm_rank(team_comm, &team_rank);
  if (team_rank == 0) {
    const double n_thrown = static_cast<double>(n_ranks) * n_rounds * n_darts;
    std::printf("team %d: %d ranks, pi is about %.4f\n", team, n_ranks,
                estimate(n_team_hits, n_thrown));
  }
}

}  // namespace

int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  int world_rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);

  const int team = world_rank % 2;
  MPI_Comm team_comm = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, team, world_rank, &team_comm);
  try {
    work_in_team(team_comm, team, world_rank, argc > 1 ? argv[1] : "runs");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "05_existing_mpi_program: %s\n", error.what());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  MPI_Comm_free(&team_comm);

  int one = 1;
  int n_answers = 0;
  MPI_Reduce(&one, &n_answers, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
  if (world_rank == 0) std::printf("all %d ranks are still talking to each other\n", n_answers);
  MPI_Finalize();
}
