// Tracker `tensorboard`: an event file and hparams.yml in the run directory (docs/trackers.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "ranklog/tensorboard_writer.hpp"
#include "ranklog/tracker.hpp"
#include "trackers/support/scalar_names.hpp"

namespace ranklog::tensorboard_proto {
class Event;
}

namespace ranklog::trackers {

class TensorBoardTracker final : public GeneralTracker {
 public:
  TensorBoardTracker();
  ~TensorBoardTracker() override;

  [[nodiscard]] std::string name() const override { return "tensorboard"; }
  [[nodiscard]] bool requires_logging_directory() const override { return true; }
  void start(const TrackerContext& context) override;
  void store_init_configuration(const Config& config) override;
  void log(const Record& record, const Config& options) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;
  // A TensorBoardWriter.
  [[nodiscard]] NativeHandle native() override;

 private:
  void add_metric(const Metric& metric);

  std::filesystem::path run_dir_;
  support::Expansion expansion_;
  std::string name_buffer_;
  Config config_;  // all that was stored, later values winning
  bool has_config_ = false;
  std::shared_ptr<EventWriter> file_;
  std::optional<TensorBoardWriter> native_;
  std::unique_ptr<tensorboard_proto::Event> event_;  // of the record at hand
};

[[nodiscard]] std::unique_ptr<GeneralTracker> make_tensorboard_tracker();

}  // namespace ranklog::trackers
