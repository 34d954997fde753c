// Tracker `mlflow`: a run on an MLflow tracking server, over REST (docs/trackers.md).
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ranklog/tracker.hpp"
#include "trackers/mlflow/mlflow_artifacts.hpp"
#include "trackers/mlflow/mlflow_batch.hpp"
#include "trackers/mlflow/mlflow_service.hpp"
#include "trackers/mlflow/mlflow_settings.hpp"
#include "trackers/support/row_ledger.hpp"
#include "tracking/shield.hpp"

namespace ranklog::trackers {

class MlflowTracker final : public GeneralTracker {
 public:
  [[nodiscard]] std::string name() const override { return "mlflow"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  [[nodiscard]] ThreadAffinity thread_affinity() const override { return ThreadAffinity::sender; }
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
  struct Key {
    std::string quoted;  // as MLflow takes it, in JSON
    std::string mapped;
    std::optional<std::int64_t> last_step;  // on the server before this job
  };

  // Finds or makes experiment and run; at once when that was done. Errors: http::Error; after one
  // that waiting cannot mend, the same again at once.
  const mlflow::Run& require_run();
  const mlflow::Run& connect();
  const Key& key_of(std::string_view key);
  void add_value(const support::NamedValue& value, const Record& record);
  void send_batch();
  void send_params(const std::map<std::string, std::string>& params);
  void send_param_chunk(const std::map<std::string, std::string>& params);
  void send_texts();
  void put_artifact(std::string_view path, std::string bytes,
                    const std::filesystem::path& file = {});
  void warn_of_rounding(std::string_view key, std::int64_t value);

  mlflow::Settings settings_;
  std::string own_id_;
  std::int64_t start_time_ms_ = 0;
  bool is_replay_ = false;
  tracking::ReportLimit trouble_limit_;
  std::unique_ptr<mlflow::Service> service_;
  std::optional<mlflow::Run> run_;
  mlflow::Batch batch_;
  mlflow::TextTables texts_;
  std::chrono::steady_clock::time_point texts_sent_at_{};
  support::RowLedger ledger_;
  bool has_warned_of_rounding_ = false;
  std::map<std::string, Key, std::less<>> keys_;
  std::string name_buffer_;
  std::string tables_tag_;
};

[[nodiscard]] std::unique_ptr<GeneralTracker> make_mlflow_tracker();
// Why `"all"` leaves this tracker out here; empty: it does not.
[[nodiscard]] std::string mlflow_left_out_because();

}  // namespace ranklog::trackers
