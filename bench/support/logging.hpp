// A loop that logs a fixed set of keys step after step, as training does, and a tracker that checks
// what arrives and keeps nothing.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <ranklog/ranklog.hpp>
#include <ranklog/record_block.hpp>
#include <string>
#include <utility>
#include <vector>

namespace ranklog::bench {

// The value that `rank` logs: every metric and step has its own mean over the ranks.
inline double value_of(std::size_t metric, std::int64_t step, int rank) {
  return static_cast<double>(metric) + static_cast<double>(step % 1024) + rank;
}

// Metrics named "metric/<i>" in the order of i; others are only counted. Takes blocks, as the run
// file does.
class CheckingTracker final : public GeneralTracker {
 public:
  [[nodiscard]] std::string name() const override { return "checking"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  [[nodiscard]] bool takes_blocks() const override { return true; }
  void log_block(const RecordBlock& block) override {
    const std::size_t n_rows = block.n_rows();
    n_records_ += static_cast<std::int64_t>(n_rows);
    n_metrics_ += static_cast<std::int64_t>(n_rows * block.metrics.size());
    const double mean_rank = (block.n_ranks - 1) / 2.0;
    for (std::size_t i = 0; i < block.metrics.size(); ++i) {
      const BlockColumn& metric = block.metrics[i];
      if (!metric.info->key.starts_with("metric/")) continue;
      int n_wrong = metric.count == block.n_ranks ? 0 : 1;
      for (std::size_t row = 0; row < n_rows; ++row) {
        const double least = value_of(i, block.row_step[row], 0);
        const bool is_right = std::abs(metric.value[row] - least - mean_rank) < 1e-9 &&
                              metric.max[row] == least + block.n_ranks - 1 &&
                              metric.min_rank[row] == 0 &&
                              metric.max_rank[row] == block.n_ranks - 1;
        n_wrong += is_right ? 0 : 1;
      }
      is_right_ = is_right_ && n_wrong == 0;
    }
  }
  void log(const Record& record, const Config&) override {
    ++n_records_;
    const double mean_rank = (record.n_ranks - 1) / 2.0;
    for (std::size_t i = 0; i < record.metrics.size(); ++i) {
      const Metric& metric = record.metrics[i];
      ++n_metrics_;
      if (!metric.key().starts_with("metric/")) continue;
      const double expected = value_of(i, record.row_step, 0) + mean_rank;
      const Statistics& s = metric.statistics;
      is_right_ = is_right_ && std::abs(metric.value - expected) < 1e-9 &&
                  s.count == record.n_ranks && s.min_rank == 0 &&
                  s.max_rank == record.n_ranks - 1 &&
                  s.max == value_of(i, record.row_step, record.n_ranks - 1);
    }
  }
  [[nodiscard]] bool saw_only_right_values(std::int64_t n_expected_records) const {
    return is_right_ && n_records_ == n_expected_records;
  }
  [[nodiscard]] std::int64_t n_metrics() const noexcept { return n_metrics_; }

 private:
  std::int64_t n_records_ = 0;
  std::int64_t n_metrics_ = 0;
  bool is_right_ = true;
};

class Logging {
 public:
  // With a `project_dir`, the run is also written by the hdf5 tracker.
  explicit Logging(std::size_t n_keys, Order order = Order::by_rank,
                   const std::string& project_dir = {})
      : tracker_(std::make_shared<CheckingTracker>()), accelerator_(options(project_dir)) {
    for (std::size_t i = 0; i < n_keys; ++i) keys_.push_back("metric/" + std::to_string(i));
    for (const std::string& key : keys_) items_.emplace_back(key, 0.0);
    accelerator_.init_trackers("bench");
    if (order == Order::by_rank) return;
    for (const std::string& key : keys_) accelerator_.define_metric(key, {.order = order});
  }

  void log_one() {
    const int rank = accelerator_.process_index();
    for (std::size_t i = 0; i < keys_.size(); ++i)
      items_[i].value = Value(value_of(i, step_, rank));
    accelerator_.log(items_, step_);
    ++step_;
  }
  void log(int n_steps) {
    for (int i = 0; i < n_steps; ++i) log_one();
  }
  void flush() { accelerator_.flush(); }
  // Collective. False if this rank saw something wrong. `n_more_records`: of other calls, on all
  // ranks together.
  [[nodiscard]] bool finish(std::int64_t n_more_records = 0) {
    n_more_records = accelerator_.reduce(n_more_records);
    accelerator_.end_training();
    return !accelerator_.is_main_process() ||
           tracker_->saw_only_right_values(step_ + n_more_records);
  }
  [[nodiscard]] Accelerator& accelerator() noexcept { return accelerator_; }

 private:
  [[nodiscard]] AcceleratorOptions options(const std::string& project_dir) const {
    AcceleratorOptions options;
    options.log_with = {tracker_};
    if (!project_dir.empty()) {
      options.log_with = {tracker_, "hdf5"};
      options.project_dir = project_dir;
    }
    return options;
  }

  std::shared_ptr<CheckingTracker> tracker_;
  Accelerator accelerator_;
  std::vector<std::string> keys_;
  std::vector<Item> items_;
  std::int64_t step_ = 0;
};

}  // namespace ranklog::bench
