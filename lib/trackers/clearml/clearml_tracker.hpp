// Tracker `clearml`: a task on a ClearML server, or an offline session (docs/trackers.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/tracker.hpp"
#include "trackers/clearml/clearml_events.hpp"
#include "trackers/clearml/clearml_settings.hpp"
#include "trackers/clearml/clearml_target.hpp"
#include "tracking/shield.hpp"

namespace ranklog::trackers {

class ClearmlTracker final : public GeneralTracker {
 public:
  explicit ClearmlTracker(support::Environment environment);

  [[nodiscard]] std::string name() const override { return "clearml"; }
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
  [[nodiscard]] bool log_histogram(const std::string& key, const Histogram& histogram,
                                   const MediaTime& when, const Config& options) override;
  [[nodiscard]] bool log_figure(const Figure& figure, const MediaTime& when,
                                const Config& options) override;
  [[nodiscard]] bool log_artifact(const Artifact& artifact, const MediaTime& when,
                                  const Config& options) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;
  void cancel() noexcept override;
  [[nodiscard]] std::optional<Undelivered> undelivered() const override;

 private:
  void add_value(const support::NamedValue& value, const Record& record, const std::string& task);
  // One image of a series; files of all steps are kept.
  void add_sample(const std::string& key, const std::string& series, const MediaTime& when,
                  std::string_view extension, std::string bytes);
  void add_plot(const std::string& key, const MediaTime& when, const std::string& plot);
  // "<project>/<task>.<id>/<what>", as ClearML's client names uploads.
  [[nodiscard]] std::string folder_of(std::string_view what);

  support::Environment environment_;
  clearml::Settings settings_;
  std::unique_ptr<clearml::Target> target_;
  tracking::ReportLimit trouble_limit_;
  std::map<std::string, clearml::Place, std::less<>> places_;
  std::string name_buffer_;
  std::string number_;
  std::int64_t n_not_finite_ = 0;
};

[[nodiscard]] std::unique_ptr<GeneralTracker> make_clearml_tracker();

}  // namespace ranklog::trackers
