#include <doctest/doctest.h>

#include <string>

#include "comm/launch_check.hpp"
#include "ranklog/error.hpp"
#include "support/fake_environment.hpp"

using ranklog::LaunchMismatchError;
using ranklog::comm::check_launch;
using Fake = ranklog::test_support::FakeEnvironment;

namespace {

// The text of the error, or nothing.
std::string complaint(int mpi_world_size, const Fake& environment) {
  try {
    check_launch(mpi_world_size, 0, environment);
  } catch (const LaunchMismatchError& error) {
    return error.what();
  }
  return "";
}

bool has(const std::string& text, const char* part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("N singletons are noticed whatever launcher started them") {
  CHECK(has(complaint(1, {{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "2"}}),
            "OMPI_COMM_WORLD_SIZE=4, OMPI_COMM_WORLD_RANK=2"));
  CHECK(has(complaint(1, {{"PMI_SIZE", "2"}, {"PMI_RANK", "0"}}), "PMI_SIZE=2"));
  CHECK(has(complaint(1, {{"FLUX_JOB_SIZE", "8"}, {"FLUX_TASK_RANK", "0"}}), "FLUX_JOB_SIZE=8"));
  CHECK(has(complaint(1, {{"PALS_LOCAL_SIZE", "8"}, {"PALS_RANKID", "0"}}), "PALS_LOCAL_SIZE=8"));
  CHECK(has(complaint(1, {{"JSM_NAMESPACE_SIZE", "6"}, {"JSM_NAMESPACE_RANK", "0"}}),
            "JSM_NAMESPACE_SIZE=6"));
}

TEST_CASE("inside a Slurm step the advice is about srun") {
  const auto text =
      complaint(1, {{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_STEP_ID", "0"}, {"SLURM_NTASKS", "4"}});
  CHECK(has(text, "the launcher started 4 processes (SLURM_STEP_NUM_TASKS=4"));
  CHECK(has(text, "--mpi=pmix"));
  CHECK(has(text, "RANKLOG_ALLOW_SINGLETONS=1"));
}

TEST_CASE("a batch script that runs one process without srun is legal") {
  CHECK(complaint(1, {{"SLURM_JOB_ID", "1"}, {"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}}) == "");
}

TEST_CASE("one process without any launcher is legal") { CHECK(complaint(1, {}) == ""); }

TEST_CASE("an MPI world of several ranks is never questioned") {
  CHECK(complaint(2, {{"PMI_SIZE", "8"}, {"PMI_RANK", "0"}}) == "");
  CHECK(complaint(8, {{"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_STEP_ID", "0"}}) == "");
}

TEST_CASE("singletons that are meant are allowed by one variable set to 1") {
  CHECK(complaint(1, {{"PMI_SIZE", "2"}, {"PMI_RANK", "0"}, {"RANKLOG_ALLOW_SINGLETONS", "1"}}) ==
        "");
  CHECK(complaint(1, {{"PMI_SIZE", "2"}, {"PMI_RANK", "0"}, {"RANKLOG_ALLOW_SINGLETONS", "0"}}) !=
        "");
}

TEST_CASE("one process under an inner launcher is legal inside of a larger step") {
  const Fake one_under_mpirun{{"OMPI_COMM_WORLD_SIZE", "1"},
                              {"OMPI_COMM_WORLD_RANK", "0"},
                              {"SLURM_STEP_NUM_TASKS", "4"},
                              {"SLURM_STEP_ID", "0"}};
  CHECK(complaint(1, one_under_mpirun) == "");
  const Fake one_inside_srun{{"OMPI_COMM_WORLD_SIZE", "1"},
                             {"OMPI_COMM_WORLD_RANK", "0"},
                             {"PMI_SIZE", "4"},
                             {"PMI_RANK", "3"}};
  CHECK(complaint(1, one_inside_srun) == "");
}

TEST_CASE("mpirun inside a step of one task a node is still noticed") {
  CHECK(complaint(1, {{"OMPI_COMM_WORLD_SIZE", "8"},
                      {"OMPI_COMM_WORLD_RANK", "0"},
                      {"SLURM_STEP_NUM_TASKS", "1"},
                      {"SLURM_STEP_ID", "0"}}) != "");
}

TEST_CASE("values that are no counts are ignored") {
  for (const char* value : {"", "four", "-4", "4x", "99999999999999999999", "0", " 4"}) {
    CAPTURE(value);
    CHECK(complaint(1, {{"PMI_SIZE", value}, {"PMI_RANK", "0"}}) == "");
  }
}

TEST_CASE("a size without the launcher's rank beside it is a leftover") {
  CHECK(complaint(1, {{"PMI_SIZE", "4"}}) == "");
}
