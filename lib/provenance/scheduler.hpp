// What the batch system says about the job: Slurm, PBS, LSF and Flux.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "provenance/environment.hpp"
#include "ranklog/config.hpp"

namespace ranklog::provenance {

// The innermost scheduler: "flux", "slurm", "pbs" or "lsf". Nothing outside of a batch job.
[[nodiscard]] std::optional<std::string_view> scheduler_name(const Environment& environment);

// Adds "scheduler" and one fact for each known variable that is set, named like the variable in
// lower case ("slurm_job_id"). Reads nothing but the variables of a fixed list.
void add_scheduler_facts(const Environment& environment, Config& facts);

// A name for this job that is the same on all its processes and another one for each array task
// and each restart, e.g. "slurm-12345", "slurm-12345_7-restart1", "pbs-4242". Only
// letters, digits and "._-". Nothing outside of a batch job.
[[nodiscard]] std::optional<std::string> scheduler_job_name(const Environment& environment);

// The same without the restart: the name that all starts of a requeued job share.
[[nodiscard]] std::optional<std::string> requeued_job_name(const Environment& environment);

}  // namespace ranklog::provenance
