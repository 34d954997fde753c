// Tracker `jsonl`: metrics.jsonl in the run directory, one JSON object a line (docs/trackers.md).
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "ranklog/tracker.hpp"
#include "trackers/support/record_file.hpp"

namespace ranklog::trackers {

class JsonlTracker final : public GeneralTracker {
 public:
  [[nodiscard]] std::string name() const override { return "jsonl"; }
  [[nodiscard]] bool requires_logging_directory() const override { return true; }
  void start(const TrackerContext& context) override;
  void store_init_configuration(const Config& config) override;
  void log(const Record& record, const Config& options) override;
  void flush() override;
  void finish(const RunOutcome& outcome) override;

 private:
  struct KnownKey {
    std::shared_ptr<const MetricInfo> info;  // keeps the address that is the key of the map
    std::string quoted;
  };

  // The key as JSON; at its first use writes the line that declares it.
  const std::string& quoted_key(const Metric& metric);
  void append_line();
  void append_line_once();

  std::set<std::string, std::less<>>
      kept_;  // declarations and configurations in a file that goes on
  std::unique_ptr<support::RecordFile> file_;
  std::unordered_map<const MetricInfo*, KnownKey> known_keys_;
  std::string line_;
};

[[nodiscard]] std::unique_ptr<GeneralTracker> make_jsonl_tracker();

}  // namespace ranklog::trackers
