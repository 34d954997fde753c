// A tracker that notes every call, and can be told to be slow or to throw from a method.
#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ranklog/record_block.hpp"
#include "ranklog/tracker.hpp"

namespace ranklog::test_support {

struct Script {
  std::string name = "scripted";
  bool is_main_process_only = true;
  bool needs_directory = false;
  ThreadAffinity affinity = ThreadAffinity::writer;
  std::set<std::string> throws_from = {};  // "start", "store_init_configuration", "log", ...
  std::chrono::microseconds log_takes{0};
  bool takes_blocks = false;
};

class ScriptedTracker final : public GeneralTracker {
 public:
  explicit ScriptedTracker(Script script = {}) : script_(std::move(script)) {}

  [[nodiscard]] std::string name() const override { return script_.name; }
  [[nodiscard]] bool requires_logging_directory() const override { return script_.needs_directory; }
  [[nodiscard]] bool main_process_only() const override { return script_.is_main_process_only; }
  [[nodiscard]] ThreadAffinity thread_affinity() const override { return script_.affinity; }

  void start(const TrackerContext& context) override {
    {
      const std::lock_guard lock(mutex_);
      context_ = context;
    }
    note("start");
  }
  void store_init_configuration(const Config&) override { note("store_init_configuration"); }
  void log(const Record& record, const Config& options) override {
    if (script_.log_takes.count() > 0) std::this_thread::sleep_for(script_.log_takes);
    {
      const std::lock_guard lock(mutex_);
      records_.push_back(record);
      options_.push_back(options);
    }
    note("log");
  }
  [[nodiscard]] bool takes_blocks() const override { return script_.takes_blocks; }
  void log_block(const RecordBlock& block) override {
    {
      const std::lock_guard lock(mutex_);
      blocks_.push_back(block);
    }
    note("log_block");
  }
  void flush() override { note("flush"); }
  void finish(const RunOutcome& outcome) override {
    {
      const std::lock_guard lock(mutex_);
      outcome_ = outcome;
    }
    note("finish");
  }

  [[nodiscard]] std::vector<std::string> calls() const { return copy(calls_); }
  [[nodiscard]] std::size_t count(const std::string& call) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count(calls_.begin(), calls_.end(), call));
  }
  [[nodiscard]] std::vector<Record> records() const { return copy(records_); }
  [[nodiscard]] std::vector<RecordBlock> blocks() const { return copy(blocks_); }
  [[nodiscard]] std::vector<Config> options() const { return copy(options_); }
  [[nodiscard]] RunOutcome outcome() const { return copy(outcome_); }
  [[nodiscard]] TrackerContext context() const { return copy(context_); }
  [[nodiscard]] std::set<std::thread::id> threads() const { return copy(threads_); }

 private:
  template <class T>
  [[nodiscard]] T copy(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }
  void note(const std::string& call) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(call);
    if (call == "log") threads_.insert(std::this_thread::get_id());
    if (script_.throws_from.contains(call)) throw std::runtime_error(call + " refused");
  }

  Script script_;
  mutable std::mutex mutex_;
  std::vector<std::string> calls_;
  std::vector<Record> records_;
  std::vector<RecordBlock> blocks_;
  std::vector<Config> options_;
  std::set<std::thread::id> threads_;
  TrackerContext context_;
  RunOutcome outcome_{RunStatus::running, "not finished"};
};

}  // namespace ranklog::test_support
