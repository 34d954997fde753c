// Tracker `tensorboard`: an event file and hparams.yml in the run directory (docs/trackers.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "ranklog/tensorboard_writer.hpp"
#include "ranklog/tracker.hpp"
#include "trackers/support/scalar_names.hpp"
#include "trackers/tensorboard/event_writer.hpp"
#include "trackers/tensorboard/layout.hpp"
#include "trackers/tensorboard/scalar_event.hpp"

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
  [[nodiscard]] bool takes_blocks() const override { return true; }
  void log_block(const RecordBlock& block) override;
  bool log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                  const Config& options) override;
  bool log_table(const std::string& key, const Table& table, const MediaTime& when,
                 const Config& options) override;
  bool log_histogram(const std::string& key, const Histogram& histogram, const MediaTime& when,
                     const Config& options) override;
  // PNG and JPEG.
  bool log_figure(const Figure& figure, const MediaTime& when, const Config& options) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;
  // A TensorBoardWriter.
  [[nodiscard]] NativeHandle native() override;

 private:
  void add_metric(const Metric& metric);
  void add_spans(const Metric& metric);
  void log_rank_runs(const Metric& metric, const Record& record);
  [[nodiscard]] EventWriter& rank_run(std::int32_t rank);
  void write_layout();

  std::filesystem::path run_dir_;
  std::chrono::duration<double> flush_interval_{1.0};
  std::int64_t first_step_ = 0;
  double start_time_ = 0;
  bool has_rank_runs_ = false;
  std::map<std::int32_t, std::unique_ptr<EventWriter>> rank_runs_;
  RangeLayout layout_;
  support::Expansion expansion_;
  std::string name_buffer_;
  Config config_;  // all that was stored, later values winning
  bool has_config_ = false;
  std::shared_ptr<EventWriter> file_;
  std::optional<TensorBoardWriter> native_;
  ScalarEvent scalars_;                              // of the record at hand
  std::unique_ptr<tensorboard_proto::Event> event_;  // of its texts and histograms
};

[[nodiscard]] std::unique_ptr<GeneralTracker> make_tensorboard_tracker();

}  // namespace ranklog::trackers
