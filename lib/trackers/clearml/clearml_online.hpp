// A task on a ClearML server, over REST.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "trackers/clearml/clearml_service.hpp"
#include "trackers/clearml/clearml_settings.hpp"
#include "trackers/clearml/clearml_target.hpp"
#include "trackers/support/row_ledger.hpp"

namespace ranklog::trackers::clearml {

class OnlineTask final : public Target {
 public:
  OnlineTask(const Settings& settings, TaskDescription task, std::string own_id,
             const std::function<void(const std::string&)>& report);

  // Finds or makes project and task; at once when that was done. Errors: http::Error; after one
  // that waiting cannot mend, the same again at once.
  [[nodiscard]] const std::string& task_id() override;
  void store_configuration(const std::string& text,
                           const std::map<std::string, std::string>& parameters) override;
  void begin_row() override { ledger_.begin_row(); }
  void add_event(EventKind kind, std::string_view json) override;
  bool end_row(std::int64_t step, bool is_whole) override;
  [[nodiscard]] std::string put_file(const std::string& key, const FileSource& source) override;
  void add_artifact(const std::string& json) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;
  void cancel() noexcept override { service_.cancel(); }
  [[nodiscard]] std::optional<Undelivered> undelivered() const override {
    return ledger_.undelivered();
  }

 private:
  // The server takes 15 MB (clearml/backend_api/config/default/api.conf); proxies often less.
  static constexpr std::size_t max_batch_bytes = 900'000;

  void send_batch();

  Service service_;
  TaskDescription task_;
  std::string own_id_;
  std::string wanted_id_;  // not empty: the task to continue
  std::string id_;
  std::string batch_;  // one event a line
  support::RowLedger ledger_;
};

}  // namespace ranklog::trackers::clearml
