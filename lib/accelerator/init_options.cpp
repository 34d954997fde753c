#include "accelerator/init_options.hpp"

#include "tracking/typed_options.hpp"

namespace ranklog {

std::map<std::string, Config> all_tracker_options(const InitOptions& options) {
  auto all = options.tracker_options;
  const auto add = [&](const char* tracker, const auto& typed) {
    tracking::merge_options(tracker, tracking::to_config(typed), all[tracker]);
  };
  add("tensorboard", options.tensorboard);
  add("dvclive", options.dvclive);
  add("hdf5", options.hdf5);
  add("wandb", options.wandb);
  add("mlflow", options.mlflow);
  add("aim", options.aim);
  add("clearml", options.clearml);
  add("comet_ml", options.comet_ml);
  return all;
}

}  // namespace ranklog
