// A tracker that keeps what it receives, for tests of code that logs.
#pragma once

#include <mutex>
#include <vector>

#include "ranklog/tracker.hpp"

namespace ranklog {

// Select it by instance, so that the test keeps a handle:
//   auto memory = std::make_shared<ranklog::MemoryTracker>();
//   ranklog::Accelerator accelerator({.log_with = {memory}});
// Thread safety: the accessors may be called at any time, from any thread.
class MemoryTracker final : public GeneralTracker {
 public:
  enum class Scope { main_process, every_rank };
  explicit MemoryTracker(Scope scope = Scope::main_process) : scope_(scope) {}

  [[nodiscard]] std::string name() const override { return "memory"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  [[nodiscard]] bool main_process_only() const override { return scope_ == Scope::main_process; }
  void start(const TrackerContext& context) override;
  void store_init_configuration(const Config& config) override;
  void log(const Record& record, const Config& options) override;
  void finish(const RunOutcome& outcome) override;
  [[nodiscard]] NativeHandle native() override { return native_handle(*this); }

  [[nodiscard]] std::vector<Record> records() const;
  // One per record.
  [[nodiscard]] std::vector<Config> log_options() const;
  [[nodiscard]] std::vector<Config> configurations() const;
  [[nodiscard]] std::optional<RunOutcome> outcome() const;
  [[nodiscard]] TrackerContext context() const;
  // All rows of one key, in the order of arrival.
  [[nodiscard]] std::vector<Metric> series(std::string_view key) const;

 private:
  Scope scope_;
  mutable std::mutex mutex_;
  TrackerContext context_;
  std::vector<Config> configurations_;
  std::vector<Record> records_;
  std::vector<Config> log_options_;
  std::optional<RunOutcome> outcome_;
};

}  // namespace ranklog
