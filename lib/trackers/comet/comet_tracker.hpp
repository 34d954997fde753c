// Tracker `comet_ml`: an experiment on a Comet server, or an offline archive (docs/trackers.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ranklog/tracker.hpp"
#include "trackers/comet/comet_settings.hpp"
#include "trackers/comet/comet_target.hpp"
#include "tracking/shield.hpp"

namespace ranklog::trackers {

class CometTracker final : public GeneralTracker {
 public:
  explicit CometTracker(support::Environment environment);

  [[nodiscard]] std::string name() const override { return "comet_ml"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  [[nodiscard]] ThreadAffinity thread_affinity() const override;
  [[nodiscard]] std::optional<std::int64_t> next_step(
      const std::filesystem::path& run_dir) override;
  void start(const TrackerContext& context) override;
  void store_init_configuration(const Config& config) override;
  void log(const Record& record, const Config& options) override;
  [[nodiscard]] bool log_images(const std::vector<ImageItem>& images, const MediaTime& when,
                                const Config& options) override;
  [[nodiscard]] bool log_table(const std::string& key, const Table& table, const MediaTime& when,
                               const Config& options) override;
  [[nodiscard]] bool log_figure(const Figure& figure, const MediaTime& when,
                                const Config& options) override;
  [[nodiscard]] bool log_artifact(const Artifact& artifact, const MediaTime& when,
                                  const Config& options) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;
  void cancel() noexcept override;
  [[nodiscard]] std::optional<Undelivered> undelivered() const override;

 private:
  void add_value(const support::NamedValue& value, const Record& record);
  void add_file(std::string name, const MediaTime& when, bool is_image, std::string bytes,
                const std::filesystem::path& path = {});

  support::Environment environment_;
  comet::Settings settings_;
  std::unique_ptr<comet::Target> target_;
  tracking::ReportLimit trouble_limit_;
  std::string name_buffer_;
};

[[nodiscard]] std::unique_ptr<GeneralTracker> make_comet_tracker();

}  // namespace ranklog::trackers
