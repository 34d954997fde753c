// Tracker `dvclive`: the files of DVCLive, for DVC and its tools (docs/trackers.md).
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "ranklog/tracker.hpp"
#include "trackers/dvclive/dvc_yaml.hpp"
#include "trackers/dvclive/metric_files.hpp"
#include "trackers/support/scalar_names.hpp"

namespace ranklog::trackers {

class DvcliveTracker final : public GeneralTracker {
 public:
  ~DvcliveTracker() override;

  [[nodiscard]] std::string name() const override { return "dvclive"; }
  [[nodiscard]] bool requires_logging_directory() const override { return true; }
  void start(const TrackerContext& context) override;
  void store_init_configuration(const Config& config) override;
  void log(const Record& record, const Config& options) override;
  bool log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                  const Config& options) override;
  bool log_figure(const Figure& figure, const MediaTime& when, const Config& options) override;
  bool log_artifact(const Artifact& artifact, const MediaTime& when,
                    const Config& options) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;

 private:
  using Clock = std::chrono::steady_clock;

  void take_folder(const TrackerContext& context, bool may_overwrite);
  void write_all();
  void write_dvc_yaml();
  void add_image(const std::filesystem::path& below_images, std::string_view bytes);

  std::filesystem::path dir_;
  std::filesystem::path yaml_path_;  // empty: none
  support::Expansion expansion_;
  std::chrono::duration<double> flush_interval_{1.0};
  Clock::time_point last_write_{};
  std::string name_buffer_;
  Config config_;  // all that was stored, later values winning
  dvclive::Contents contents_;
  dvclive::Contents contents_in_yaml_;
  std::unique_ptr<dvclive::MetricFiles> metrics_;  // null before start()
};

[[nodiscard]] std::unique_ptr<GeneralTracker> make_dvclive_tracker();

}  // namespace ranklog::trackers
