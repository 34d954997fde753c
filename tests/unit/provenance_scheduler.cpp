#include <doctest/doctest.h>

#include <string>

#include "provenance/scheduler.hpp"
#include "support/fake_environment.hpp"

using ranklog::Config;
using ranklog::to_text;
using ranklog::provenance::add_scheduler_facts;
using ranklog::provenance::scheduler_job_name;
using ranklog::provenance::scheduler_name;
using Fake = ranklog::test_support::FakeEnvironment;

namespace {

std::string fact(const Config& facts, const char* name) {
  const auto* value = facts.find(name);
  return value == nullptr ? "(none)" : to_text(*value);
}

}  // namespace

TEST_CASE("outside of a batch job there is no scheduler and no fact") {
  const Fake environment{{"HOME", "/home/me"}, {"SLURM_CONF", "/etc/slurm.conf"}};
  CHECK_FALSE(scheduler_name(environment).has_value());
  CHECK_FALSE(scheduler_job_name(environment).has_value());
  Config facts;
  add_scheduler_facts(environment, facts);
  CHECK(facts.empty());
}

TEST_CASE("a Slurm job is known by its ids, without the variables that hold secrets") {
  const Fake environment{{"SLURM_JOB_ID", "12345"},      {"SLURM_STEP_ID", "0"},
                         {"SLURM_JOB_NAME", "training"}, {"SLURM_NTASKS", "8"},
                         {"SLURM_JOB_PARTITION", "gpu"}, {"SLURM_JOB_ACCOUNT", "physics"},
                         {"SLURM_JWT", "jwt-secret"},    {"PBS_JOBCOOKIE", "cookie-secret"},
                         {"WANDB_API_KEY", "key-secret"}};
  Config facts;
  add_scheduler_facts(environment, facts);
  CHECK(fact(facts, "scheduler") == "slurm");
  CHECK(fact(facts, "slurm_job_id") == "12345");
  CHECK(fact(facts, "slurm_step_id") == "0");
  CHECK(fact(facts, "slurm_job_name") == "training");
  CHECK(fact(facts, "slurm_ntasks") == "8");
  CHECK(fact(facts, "slurm_job_partition") == "gpu");
  CHECK(fact(facts, "slurm_job_account") == "physics");
  CHECK(facts.size() == 7);
  for (const auto& item : facts.items())
    CHECK(to_text(item.value).find("secret") == std::string::npos);
}

TEST_CASE("PBS, LSF and Flux are known too, and the innermost one gives the name") {
  CHECK(scheduler_name(Fake{{"PBS_JOBID", "42.server"}}) == "pbs");
  CHECK(scheduler_name(Fake{{"LSB_JOBID", "42"}}) == "lsf");
  const Fake nested{{"FLUX_JOB_ID", "f2Abc"}, {"SLURM_JOB_ID", "1"}};
  CHECK(scheduler_name(nested) == "flux");
  Config facts;
  add_scheduler_facts(nested, facts);
  CHECK(fact(facts, "slurm_job_id") == "1");
  CHECK(fact(facts, "flux_job_id") == "f2Abc");
}

TEST_CASE("array tasks and restarts have names of their own") {
  CHECK(scheduler_job_name(Fake{{"SLURM_JOB_ID", "12345"}}) == "slurm-12345");
  CHECK(scheduler_job_name(Fake{{"SLURM_JOB_ID", "12345"}, {"SLURM_RESTART_COUNT", "0"}}) ==
        "slurm-12345");
  CHECK(scheduler_job_name(Fake{{"SLURM_JOB_ID", "12347"},
                                {"SLURM_ARRAY_JOB_ID", "12345"},
                                {"SLURM_ARRAY_TASK_ID", "7"},
                                {"SLURM_RESTART_COUNT", "2"}}) == "slurm-12345_7-restart2");
  CHECK(scheduler_job_name(Fake{{"PBS_JOBID", "4242.server.example"}}) == "pbs-4242");
  CHECK(scheduler_job_name(Fake{{"PBS_JOBID", "4242[7].server"}}) == "pbs-4242_7");
  CHECK(scheduler_job_name(Fake{{"LSB_JOBID", "99"}, {"LSB_JOBINDEX", "0"}}) == "lsf-99");
  CHECK(scheduler_job_name(Fake{{"LSB_JOBID", "99"}, {"LSB_JOBINDEX", "3"}}) == "lsf-99_3");
  CHECK(scheduler_job_name(Fake{{"FLUX_JOB_ID",
                                 "\xC6\x92"
                                 "2Abc"}}) == "flux-f2Abc");
}

TEST_CASE("a hostile job id becomes a harmless name or none") {
  CHECK(scheduler_job_name(Fake{{"SLURM_JOB_ID", "a/b c\n$(x)"}}) == "slurm-a_b_c_x0a__x");
  CHECK_FALSE(scheduler_job_name(Fake{{"SLURM_JOB_ID", "../../etc"}}).has_value());
  const auto name = scheduler_job_name(Fake{{"SLURM_JOB_ID", std::string(5000, '9')}});
  REQUIRE(name.has_value());
  CHECK(name->size() < 100);
}
