#include "ranklog/memory_tracker.hpp"

namespace ranklog {

void MemoryTracker::start(const TrackerContext& context) {
  const std::lock_guard lock(mutex_);
  context_ = context;
}

void MemoryTracker::store_init_configuration(const Config& config) {
  const std::lock_guard lock(mutex_);
  configurations_.push_back(config);
}

void MemoryTracker::log(const Record& record, const Config& options) {
  const std::lock_guard lock(mutex_);
  records_.push_back(record);
  log_options_.push_back(options);
}

void MemoryTracker::finish(const RunOutcome& outcome) {
  const std::lock_guard lock(mutex_);
  outcome_ = outcome;
}

std::vector<Record> MemoryTracker::records() const {
  const std::lock_guard lock(mutex_);
  return records_;
}

std::vector<Config> MemoryTracker::log_options() const {
  const std::lock_guard lock(mutex_);
  return log_options_;
}

std::vector<Config> MemoryTracker::configurations() const {
  const std::lock_guard lock(mutex_);
  return configurations_;
}

std::optional<RunOutcome> MemoryTracker::outcome() const {
  const std::lock_guard lock(mutex_);
  return outcome_;
}

TrackerContext MemoryTracker::context() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

std::vector<Metric> MemoryTracker::series(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  std::vector<Metric> rows;
  for (const Record& record : records_) {
    if (const Metric* metric = record.find(key)) rows.push_back(*metric);
  }
  return rows;
}

}  // namespace ranklog
