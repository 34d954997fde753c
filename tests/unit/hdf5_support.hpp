// Hand-made records, and a tracker that writes them to a temporary run directory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ranklog/record.hpp"
#include "ranklog/tracker.hpp"
#include "support/scratch_directory.hpp"
#include "trackers/hdf5/hdf5_tracker.hpp"

namespace ranklog::test_support {

inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// Makes metrics with the infos that a run would give them: one for each key, in order.
class RecordMaker {
 public:
  [[nodiscard]] std::shared_ptr<const MetricInfo> declare(const std::string& key,
                                                          Kind kind = Kind::real,
                                                          Reduction reduction = Reduction::mean) {
    auto& info = infos_[key];
    if (!info) {
      MetricInfo made;
      made.key = key;
      made.index = static_cast<std::uint32_t>(infos_.size() - 1);
      made.kind = kind;
      made.reduction = reduction;
      made.unit = unit;
      made.long_name = long_name;
      info = std::make_shared<const MetricInfo>(made);
    }
    return info;
  }
  // A value as two ranks would log it: `value` on rank 0, one more on rank 1.
  [[nodiscard]] Metric real(const std::string& key, double value) {
    Metric metric{declare(key), value, 0, {}, {}, {}};
    metric.statistics = {2, 0, 2.0, value, value + 1, value + 0.5, 0.5, 0, 1, -1};
    return metric;
  }
  [[nodiscard]] Metric integer(const std::string& key, std::int64_t value) {
    Metric metric{declare(key, Kind::integer, Reduction::sum), 0, value, {}, {}, {}};
    metric.value = static_cast<double>(value);
    metric.statistics = {1, 0, 1.0, metric.value, metric.value, metric.value, 0, 0, 0, -1};
    return metric;
  }
  [[nodiscard]] Metric text(const std::string& key, std::string text) {
    return {declare(key, Kind::text, Reduction::first), 0, 0, std::move(text), {}, {}};
  }
  [[nodiscard]] Metric gathered(const std::string& key, std::vector<RankPart> parts,
                                Kind kind = Kind::real) {
    Metric metric{declare(key, kind, Reduction::gather), 0, 0, {}, {}, std::move(parts)};
    metric.statistics.count = static_cast<std::int64_t>(metric.per_rank.size());
    return metric;
  }
  [[nodiscard]] static Record record(std::int64_t step, std::vector<Metric> metrics) {
    return {step, step, 1000.0 + static_cast<double>(step), std::move(metrics), 2};
  }

  std::string unit, long_name;  // of the keys that are declared next

 private:
  std::map<std::string, std::shared_ptr<const MetricInfo>> infos_;
};

[[nodiscard]] inline TrackerContext context_in(const std::filesystem::path& directory,
                                               std::int32_t n_ranks = 2, Config options = {}) {
  TrackerContext context;
  context.project_name = "digits";
  context.run_name = "first";
  context.run_id = "0123456789abcdef";
  context.logging_dir = directory;
  context.run_dir = directory;
  context.options = std::move(options);
  context.n_ranks = n_ranks;
  return context;
}

// A run that writes only when told, so that tests decide what is one block.
struct Run {
  explicit Run(std::int32_t n_ranks = 2,
               Config options = {{"flush_interval_s", 1e6}, {"flush_rows", 1'000'000}}) {
    tracker.start(context_in(directory.path(), n_ranks, std::move(options)));
  }
  void log(std::int64_t step, std::vector<Metric> metrics) {
    tracker.log(RecordMaker::record(step, std::move(metrics)), {});
  }
  void finish() { tracker.finish({}); }
  [[nodiscard]] std::filesystem::path file() const { return directory.path() / "run.h5"; }

  ScratchDirectory directory;
  RecordMaker make;
  trackers::Hdf5Tracker tracker;
};

}  // namespace ranklog::test_support
