#include "comm/launch_check.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog::comm {
namespace {

using Environment = std::function<const char*(const char*)>;

struct Launcher {
  const char* size_variable;
  const char* companion;  // set beside the size by the same launcher, for each process
  std::string_view cause;
};

constexpr std::string_view other_mpi =
    "the program is linked with another MPI than the launcher's; compare 'ldd <program>' with "
    "'mpiexec --version' and use the launcher of the MPI that the program was built with";

// Launchers of MPI itself: these say how large MPI_COMM_WORLD was meant to be.
constexpr std::array<Launcher, 4> mpi_launchers = {{
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", other_mpi},
    {"PMI_SIZE", "PMI_RANK", other_mpi},
    {"MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", other_mpi},
    {"JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK", other_mpi},
}};

// Batch systems: these say how many processes were started, with or without MPI. SLURM_NTASKS is
// not here: it is also set for a batch script that runs one process.
constexpr std::array<Launcher, 3> batch_launchers = {{
    {"SLURM_STEP_NUM_TASKS", "SLURM_STEP_ID",
     "srun gave MPI no way to connect the tasks; choose one of 'srun --mpi=list', often "
     "'srun --mpi=pmix' or 'srun --mpi=pmi2', or start the program with mpiexec"},
    {"FLUX_JOB_SIZE", "FLUX_TASK_RANK",
     "Flux gave MPI no way to connect the tasks; see 'flux run -o pmi=...', or the program is "
     "not linked with an MPI that knows Flux"},
    {"PALS_LOCAL_SIZE", "PALS_RANKID", other_mpi},
}};

struct Evidence {
  const Launcher* launcher = nullptr;
  int n_processes = 0;
  std::string companion;
};

std::optional<int> read_count(const Environment& environment, const char* name) {
  const char* value = environment(name);
  if (value == nullptr) return std::nullopt;
  const std::string_view text = value;
  int count = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), count);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || count < 1)
    return std::nullopt;
  return count;
}

// The launcher that promises the fewest processes: when one launcher runs inside another, and
// both left variables, a promise of one process is kept.
Evidence weigh(std::span<const Launcher> launchers, const Environment& environment) {
  Evidence evidence;
  for (const Launcher& launcher : launchers) {
    const char* companion = environment(launcher.companion);
    const auto n_processes = read_count(environment, launcher.size_variable);
    if (companion == nullptr || !n_processes) continue;
    if (evidence.launcher == nullptr || *n_processes < evidence.n_processes)
      evidence = {&launcher, *n_processes, escape_unprintable(companion, 40)};
  }
  return evidence;
}

bool are_singletons_allowed(const Environment& environment) {
  const char* value = environment("RANKLOG_ALLOW_SINGLETONS");
  return value != nullptr && std::string_view(value) == "1";
}

}  // namespace

void check_launch(int mpi_world_size, int mpi_world_rank, const Environment& environment) {
  if (mpi_world_size != 1 || are_singletons_allowed(environment)) return;
  // Batch systems also start MPI's own launcher, then with one task a node, so it goes first.
  Evidence evidence = weigh(mpi_launchers, environment);
  if (evidence.launcher == nullptr) evidence = weigh(batch_launchers, environment);
  if (evidence.n_processes <= 1) return;
  throw LaunchMismatchError(fmt::format(
      "the launcher started {} processes ({}={}, {}={}), but MPI sees one (rank {} of {}), so each "
      "process would write the same run. Likely cause: {}. If {} separate runs are meant, set "
      "RANKLOG_ALLOW_SINGLETONS=1",
      evidence.n_processes, evidence.launcher->size_variable, evidence.n_processes,
      evidence.launcher->companion, evidence.companion, mpi_world_rank, mpi_world_size,
      evidence.launcher->cause, evidence.n_processes));
}

}  // namespace ranklog::comm
