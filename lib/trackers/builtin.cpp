#include "tracking/builtin_trackers.hpp"

#include "ranklog/memory_tracker.hpp"
#include "trackers/console/console_tracker.hpp"
#include "trackers/hdf5/hdf5_tracker.hpp"
#ifdef RANKLOG_HAS_AIM
#include "trackers/aim/aim_tracker.hpp"
#endif
#ifdef RANKLOG_HAS_CLEARML
#include "trackers/clearml/clearml_tracker.hpp"
#endif
#ifdef RANKLOG_HAS_COMET
#include "trackers/comet/comet_tracker.hpp"
#endif
#ifdef RANKLOG_HAS_DVCLIVE
#include "trackers/dvclive/dvclive_tracker.hpp"
#endif
#ifdef RANKLOG_HAS_JSONL
#include "trackers/jsonl/jsonl_tracker.hpp"
#endif
#ifdef RANKLOG_HAS_MLFLOW
#include "trackers/mlflow/mlflow_tracker.hpp"
#endif
#ifdef RANKLOG_HAS_TENSORBOARD
#include "trackers/tensorboard/tensorboard_tracker.hpp"
#endif
#ifdef RANKLOG_HAS_WANDB
#include "trackers/wandb/wandb_tracker.hpp"
#endif

namespace ranklog::tracking {

const std::vector<BuiltinTracker>& builtin_trackers() {
  static const std::vector<BuiltinTracker> all{
      {"hdf5", trackers::make_hdf5_tracker, true},
#ifdef RANKLOG_HAS_TENSORBOARD
      {"tensorboard", trackers::make_tensorboard_tracker, true},
#endif
#ifdef RANKLOG_HAS_WANDB
      {"wandb", trackers::make_wandb_tracker, true},
#endif
#ifdef RANKLOG_HAS_COMET
      {"comet_ml", trackers::make_comet_tracker, true},
#endif
#ifdef RANKLOG_HAS_AIM
      {"aim", trackers::make_aim_tracker, true, trackers::aim_left_out_because},
#endif
#ifdef RANKLOG_HAS_MLFLOW
      {"mlflow", trackers::make_mlflow_tracker, true, trackers::mlflow_left_out_because},
#endif
#ifdef RANKLOG_HAS_CLEARML
      {"clearml", trackers::make_clearml_tracker, true},
#endif
#ifdef RANKLOG_HAS_DVCLIVE
      {"dvclive", trackers::make_dvclive_tracker, true},
#endif
      {"console", trackers::make_console_tracker, false},
#ifdef RANKLOG_HAS_JSONL
      {"jsonl", trackers::make_jsonl_tracker, false},
#endif
      {"memory",
       []() -> std::unique_ptr<GeneralTracker> { return std::make_unique<MemoryTracker>(); },
       false},
  };
  return all;
}

}  // namespace ranklog::tracking
