// Tracker `wandb`: an offline run that `wandb sync` uploads (docs/trackers.md).
#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ranklog/tracker.hpp"
#include "trackers/wandb/extra_records.hpp"
#include "trackers/wandb/history.hpp"
#include "trackers/wandb/media_files.hpp"
#include "trackers/wandb/run_log.hpp"
#include "trackers/wandb/settings.hpp"

namespace ranklog::trackers {

class WandbTracker final : public GeneralTracker {
 public:
  explicit WandbTracker(wandb::Environment environment);

  [[nodiscard]] std::string name() const override { return "wandb"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  [[nodiscard]] std::optional<std::int64_t> next_step(
      const std::filesystem::path& run_dir) override;
  void start(const TrackerContext& context) override;
  void store_init_configuration(const Config& config) override;
  void log(const Record& record, const Config& options) override;
  [[nodiscard]] bool log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                                const Config& options) override;
  [[nodiscard]] bool log_table(const std::string& key, const Table& table, const MediaTime& when,
                               const Config& options) override;
  [[nodiscard]] bool log_histogram(const std::string& key, const Histogram& histogram,
                                   const MediaTime& when, const Config& options) override;
  [[nodiscard]] bool log_figure(const Figure& figure, const MediaTime& when,
                                const Config& options) override;
  [[nodiscard]] bool log_artifact(const Artifact& artifact, const MediaTime& when,
                                  const Config& options) override;
  void flush() override;
  // As flush(), but the newest row stays open for what may still come at its step.
  void on_idle() override;
  void finish(const RunOutcome& outcome) override;

 private:
  void begin_log(const TrackerContext& context, double begun);
  void continue_log(const std::filesystem::path& log, const TrackerContext& context, double begun);
  void take_over_synced(const std::filesystem::path& log);
  // Runs `fill` with the row of that step open. What fails on the way, or an unknown option, is
  // thrown when the rest is done; a step that W&B would not take is an error.
  template <class Fill>
  void log_row(wandb::History::Source source, std::optional<std::int64_t> step, double time,
               const Config& options, Fill fill);
  void add_metric(const Metric& metric);
  void write_extras(bool is_end);

  wandb::Environment environment_;
  wandb::Settings settings_;
  std::unique_ptr<wandb::RunLog> log_;  // null when disabled
  std::unique_ptr<wandb::History> history_;
  std::unique_ptr<wandb::MediaFiles> media_;
  std::optional<wandb::SystemMetrics> system_metrics_;
  std::optional<wandb::ConsoleFile> console_;
  std::string name_;  // of the value at hand
  std::string json_;
  std::int64_t n_late_rows_ = 0;
};

[[nodiscard]] std::unique_ptr<GeneralTracker> make_wandb_tracker();

}  // namespace ranklog::trackers
