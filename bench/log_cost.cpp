// What `log` costs the caller, against one bare MPI_Allreduce of 64 doubles per step in the same
// run: 16 numbers and 64 numbers a step, both with full statistics, into a tracker that only
// checks them. Arguments: [steps per repetition] [repetitions].
#include <mpi.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <ranklog/ranklog.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/allocations.hpp"
#include "support/report.hpp"

namespace {

using namespace ranklog::bench;  // NOLINT: this file is a benchmark

constexpr std::size_t n_metrics = 64;
constexpr std::size_t n_few_metrics = 16;
// Calls that one clock reading covers: reading it for each would be a good part of the cost.
constexpr int n_calls_per_sample = 8;

// The value that `rank` logs: every metric and step has its own mean over the ranks.
double value_of(std::size_t metric, std::int64_t step, int rank) {
  return static_cast<double>(metric) + static_cast<double>(step % 1024) + rank;
}

// Checks each record that arrives and keeps nothing.
class CheckingTracker final : public ranklog::GeneralTracker {
 public:
  [[nodiscard]] std::string name() const override { return "checking"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  void log(const ranklog::Record& record, const ranklog::Config&) override {
    ++n_records_;
    const double mean_rank = (record.n_ranks - 1) / 2.0;
    for (std::size_t i = 0; i < record.metrics.size(); ++i) {
      const ranklog::Metric& metric = record.metrics[i];
      const double expected = value_of(i, record.row_step, 0) + mean_rank;
      is_right_ = is_right_ && std::abs(metric.value - expected) < 1e-9 &&
                  metric.statistics.count == record.n_ranks;
    }
  }
  [[nodiscard]] bool saw_only_right_values(std::int64_t n_expected_records) const {
    return is_right_ && n_records_ == n_expected_records;
  }

 private:
  std::int64_t n_records_ = 0;
  bool is_right_ = true;
};

// Logs a fixed set of keys step after step, as a training loop would.
class Logging {
 public:
  explicit Logging(std::size_t n_keys)
      : tracker_(std::make_shared<CheckingTracker>()),
        accelerator_(ranklog::AcceleratorOptions{.log_with = {tracker_}}) {
    for (std::size_t i = 0; i < n_keys; ++i) keys_.push_back("metric/" + std::to_string(i));
    for (const std::string& key : keys_) items_.emplace_back(key, 0.0);
    accelerator_.init_trackers("bench");
  }

  void log_one() {
    const int rank = accelerator_.process_index();
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      items_[i].value = ranklog::Value(value_of(i, step_, rank));
    }
    accelerator_.log(items_, step_);
    ++step_;
  }
  void log(int n_steps) {
    for (int i = 0; i < n_steps; ++i) log_one();
  }
  void flush() { accelerator_.flush(); }
  [[nodiscard]] bool finish() {
    accelerator_.end_training();
    return !accelerator_.is_main_process() || tracker_->saw_only_right_values(step_);
  }

 private:
  std::shared_ptr<CheckingTracker> tracker_;
  ranklog::Accelerator accelerator_;
  std::vector<std::string> keys_;
  std::vector<ranklog::Item> items_;
  std::int64_t step_ = 0;
};

// One bare MPI_Allreduce a step, of the values that 64 metrics would log.
std::vector<double> time_bare_allreduce(const Sizes& sizes, bool& is_correct) {
  int rank = 0;
  int n_ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  std::array<double, n_metrics> mine{};
  std::array<double, n_metrics> sums{};
  return time_steps(sizes, [&](int n_steps) {
    for (int step = 0; step < n_steps; ++step) {
      for (std::size_t i = 0; i < n_metrics; ++i) mine[i] = value_of(i, step, rank);
      MPI_Allreduce(mine.data(), sums.data(), n_metrics, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
      const double expected = n_ranks * (value_of(7, step, 0) + (n_ranks - 1) / 2.0);
      is_correct = is_correct && std::abs(sums[7] - expected) < 1e-6;
    }
  });
}

// With the exchange and the delivery of all rows inside the time.
std::vector<double> time_log(const Sizes& sizes, std::size_t n_keys, bool& is_correct) {
  Logging logging(n_keys);
  std::vector<double> ns_per_step = time_steps(sizes, [&](int n_steps) {
    logging.log(n_steps);
    logging.flush();
  });
  is_correct = logging.finish() && is_correct;
  return ns_per_step;
}

struct CallCost {
  double median_ns;
  double allocations_per_call;
};

// One call by itself: the median call does not carry the exchange, which every 64th call does.
CallCost cost_of_call(const Sizes& sizes, std::size_t n_keys, bool& is_correct) {
  Logging logging(n_keys);
  logging.log(sizes.n_steps);  // until buffers have grown to their size
  MPI_Barrier(MPI_COMM_WORLD);
  std::vector<double> ns_per_call;
  ns_per_call.reserve(static_cast<std::size_t>(sizes.n_steps));
  const std::int64_t n_allocations_before = n_allocations_of_this_thread();
  for (int i = 0; i < sizes.n_steps; i += n_calls_per_sample) {
    const auto start = std::chrono::steady_clock::now();
    logging.log(n_calls_per_sample);
    const std::chrono::duration<double, std::nano> elapsed =
        std::chrono::steady_clock::now() - start;
    ns_per_call.push_back(elapsed.count() / n_calls_per_sample);
  }
  const auto n_allocations =
      static_cast<double>(n_allocations_of_this_thread() - n_allocations_before);
  const auto n_calls = static_cast<double>(ns_per_call.size()) * n_calls_per_sample;
  is_correct = logging.finish() && is_correct;
  return {.median_ns = max_over_ranks(median(ns_per_call)),
          .allocations_per_call = max_over_ranks(n_allocations / n_calls)};
}

int run(const Sizes& sizes) {
  bool is_correct = true;
  const std::vector<double> bare = time_bare_allreduce(sizes, is_correct);
  const std::vector<double> log_many = time_log(sizes, n_metrics, is_correct);
  const std::vector<double> log_few = time_log(sizes, n_few_metrics, is_correct);
  const CallCost call = cost_of_call(sizes, n_few_metrics, is_correct);

  Report report("log_cost", sizes);
  report.add("bare MPI_Allreduce of 64 doubles", "ns/step", bare);
  report.add("log of 64 numbers", "ns/step", log_many);
  report.add("log of 64 numbers / bare MPI_Allreduce", "ratio", median(log_many) / median(bare));
  report.add("log of 16 numbers", "ns/step", log_few);
  report.add("log of 16 numbers / bare MPI_Allreduce", "ratio", median(log_few) / median(bare));
  report.add("one call of log, 16 numbers, median call", "ns", call.median_ns);
  report.add("one call of log, 16 numbers, allocations", "per call", call.allocations_per_call);
  return report.finish(is_correct);
}

// True if `text` is a number above zero, which then is in `value`.
bool parse(const char* text, int& value) {
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  return error == std::errc() && stop == end && value > 0;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  Sizes sizes;
  int status = 2;
  if (argc > 3 || (argc > 1 && !parse(argv[1], sizes.n_steps)) ||
      (argc > 2 && !parse(argv[2], sizes.n_repetitions))) {
    std::fputs("usage: bench_log_cost [steps per repetition] [repetitions]\n", stderr);
  } else {
    try {
      status = run(sizes);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "bench_log_cost: %s\n", error.what());
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
  }
  MPI_Finalize();
  return status;
}
