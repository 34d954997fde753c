#include "provenance/scheduler.hpp"

#include <array>
#include <span>

namespace ranklog::provenance {
namespace {

// Fixed lists, because these environments also hold secrets (PBS_JOBCOOKIE, SLURM_JWT).
constexpr std::array slurm_variables = {
    "SLURM_JOB_ID",          "SLURM_STEP_ID",       "SLURM_JOB_NAME",         "SLURM_RESTART_COUNT",
    "SLURM_ARRAY_JOB_ID",    "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_HET_SIZE",
    "SLURM_CLUSTER_NAME",    "SLURM_JOB_PARTITION", "SLURM_JOB_ACCOUNT",      "SLURM_JOB_QOS",
    "SLURM_JOB_RESERVATION", "SLURM_JOB_NUM_NODES", "SLURM_JOB_NODELIST",     "SLURM_NTASKS",
    "SLURM_STEP_NUM_TASKS",  "SLURM_STEP_NODELIST", "SLURM_CPUS_PER_TASK",    "SLURM_GPUS_ON_NODE",
    "SLURM_SUBMIT_HOST",     "SLURM_SUBMIT_DIR"};
constexpr std::array pbs_variables = {
    "PBS_JOBID",       "PBS_JOBNAME",   "PBS_ARRAY_ID", "PBS_ARRAY_INDEX", "PBS_ARRAYID",
    "PBS_QUEUE",       "PBS_O_QUEUE",   "PBS_O_HOST",   "PBS_O_WORKDIR",   "PBS_SERVER",
    "PBS_ENVIRONMENT", "PBS_NUM_NODES", "PBS_NUM_PPN",  "PBS_NP"};
constexpr std::array lsf_variables = {"LSB_JOBID",      "LSB_JOBNAME",      "LSB_JOBINDEX",
                                      "LSB_QUEUE",      "LSB_PROJECT_NAME", "LSB_DJOB_NUMPROC",
                                      "LSB_MCPU_HOSTS", "LSB_SUB_HOST",     "LSB_EXEC_CLUSTER",
                                      "LSB_RESTART",    "LS_SUBCWD"};
constexpr std::array flux_variables = {"FLUX_JOB_ID", "FLUX_ENCLOSING_ID", "FLUX_JOB_SIZE",
                                       "FLUX_JOB_NNODES", "FLUX_JOB_CC"};

struct Scheduler {
  std::string_view name;
  const char* job_id;
  std::span<const char* const> variables;
};

// Inner ones first: a Flux instance often runs inside a job of another scheduler.
constexpr std::array<Scheduler, 4> schedulers = {{{"flux", "FLUX_JOB_ID", flux_variables},
                                                  {"slurm", "SLURM_JOB_ID", slurm_variables},
                                                  {"pbs", "PBS_JOBID", pbs_variables},
                                                  {"lsf", "LSB_JOBID", lsf_variables}}};

const Scheduler* find_scheduler(const Environment& environment) {
  for (const Scheduler& scheduler : schedulers) {
    if (read_variable(environment, scheduler.job_id)) return &scheduler;
  }
  return nullptr;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_plain(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

// "4242[7].server.example" -> "4242_7"; Flux's "ƒ2Abc" -> "f2Abc".
std::string plain_id(std::string_view id) {
  constexpr std::size_t max_id_bytes = 48;
  constexpr std::string_view florin = "\xC6\x92";
  std::string out;
  if (id.starts_with(florin)) {
    out += 'f';
    id.remove_prefix(florin.size());
  }
  for (const char c : id.substr(0, id.find('.'))) {
    if (out.size() == max_id_bytes) break;
    out += is_plain(c) ? c : '_';
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  return out;
}

std::string variable_or_empty(const Environment& environment, const char* name) {
  return plain_id(read_variable(environment, name).value_or(""));
}

std::string slurm_job(const Environment& environment, bool has_restart) {
  const std::string array_job = variable_or_empty(environment, "SLURM_ARRAY_JOB_ID");
  const std::string task = variable_or_empty(environment, "SLURM_ARRAY_TASK_ID");
  std::string name = array_job.empty() || task.empty()
                         ? variable_or_empty(environment, "SLURM_JOB_ID")
                         : array_job + "_" + task;
  const std::string restart = variable_or_empty(environment, "SLURM_RESTART_COUNT");
  if (has_restart && !restart.empty() && restart != "0") name += "-restart" + restart;
  return name;
}

std::string job_of(const Scheduler& scheduler, const Environment& environment, bool has_restart) {
  if (scheduler.name == "slurm") return slurm_job(environment, has_restart);
  std::string name = variable_or_empty(environment, scheduler.job_id);
  // LSF sets index 0 for a job that is no array; PBS writes the index into the id.
  const std::string index =
      scheduler.name == "lsf" ? variable_or_empty(environment, "LSB_JOBINDEX") : "";
  if (!index.empty() && index != "0") name += "_" + index;
  return name;
}

std::optional<std::string> job_name(const Environment& environment, bool has_restart) {
  const Scheduler* scheduler = find_scheduler(environment);
  if (scheduler == nullptr) return std::nullopt;
  const std::string job = job_of(*scheduler, environment, has_restart);
  if (job.empty()) return std::nullopt;
  return std::string(scheduler->name) + "-" + job;
}

}  // namespace

std::optional<std::string_view> scheduler_name(const Environment& environment) {
  const Scheduler* scheduler = find_scheduler(environment);
  if (scheduler == nullptr) return std::nullopt;
  return scheduler->name;
}

void add_scheduler_facts(const Environment& environment, Config& facts) {
  const auto name = scheduler_name(environment);
  if (!name) return;
  facts.set("scheduler", *name);
  for (const Scheduler& scheduler : schedulers) {
    for (const char* variable : scheduler.variables) {
      if (auto value = read_variable(environment, variable))
        facts.set(lower_case(variable), std::move(*value));
    }
  }
}

std::optional<std::string> scheduler_job_name(const Environment& environment) {
  return job_name(environment, true);
}

std::optional<std::string> requeued_job_name(const Environment& environment) {
  return job_name(environment, false);
}

}  // namespace ranklog::provenance
