// The records of a run that are not history: who, where, with which configuration, and its end.
#pragma once

#include <string>

#include "ranklog/config.hpp"
#include "ranklog/tracker.hpp"
#include "trackers/wandb/settings.hpp"
#include "wandb_record.pb.h"

namespace ranklog::trackers::wandb {

// `seconds` since the epoch.
void set_time(wandb_proto::Timestamp& out, double seconds);

[[nodiscard]] wandb_proto::Record header_record();
// `start` in seconds since the epoch.
[[nodiscard]] wandb_proto::Record run_record(const Settings& settings,
                                             const TrackerContext& context, double start);
// What `wandb sync` makes wandb-metadata.json of.
[[nodiscard]] wandb_proto::Record environment_record(const Settings& settings,
                                                     const TrackerContext& context, double start);
[[nodiscard]] wandb_proto::Record config_record(const Config& config);
[[nodiscard]] wandb_proto::Record exit_record(RunStatus status, double runtime);
[[nodiscard]] wandb_proto::Record final_record();
[[nodiscard]] wandb_proto::Record footer_record();

}  // namespace ranklog::trackers::wandb
