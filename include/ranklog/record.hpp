// What a tracker receives: the reduced values of one `log` call at one step.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/config.hpp"
#include "ranklog/reduction.hpp"

namespace ranklog {

// The declaration of a key. One object per key and run, at a stable address, never changed after
// the key was first recorded: trackers may keep the pointer and use `index` as an array index.
struct MetricInfo {
  std::string key;
  std::uint32_t index = 0;  // 0, 1, 2, ... in the order in which keys were first recorded
  Kind kind = Kind::real;
  Reduction reduction = Reduction::mean;
  NanPolicy nan = NanPolicy::propagate;
  std::string unit;
  std::string long_name;
  Order order = Order::by_rank;

  // True if the single number is a whole number and therefore kept as int64: integers under
  // every reduction but mean, std and gather; booleans under sum, min, max, any, all, first, last.
  [[nodiscard]] bool has_integer_value() const noexcept;
};

// Who was counted and what was found, over all ranks that logged the key in this row. Finite
// values only in mean and std; min and max take infinities as values; NaN is only counted.
struct Statistics {
  std::int64_t count = 0;      // values, NaN included; one a rank unless spans were logged
  std::int64_t nan_count = 0;  //
  double weight = 0;           // sum of weights of the values that are not NaN
  double min = 0;              // NaN when every value is NaN
  double max = 0;
  double mean = 0;
  double std = 0;              // population: sqrt(sum w (x - mean)^2 / sum w)
  std::int32_t min_rank = -1;  // lowest rank holding the minimum; -1 when there is none
  std::int32_t max_rank = -1;
  std::int32_t first_nan_rank = -1;
};

// One rank's part of a gathered value; empty parts belong to ranks that did not log the key.
struct RankPart {
  std::int32_t rank = 0;
  std::vector<double> reals;           // kind real
  std::vector<std::int64_t> integers;  // kinds integer and boolean
  std::string text;                    // kind text
};

// One key of a record.
struct Metric {
  std::shared_ptr<const MetricInfo> info;
  double value = 0;                // the single number under info->reduction
  std::int64_t integer_value = 0;  // the same, exact, when info->has_integer_value()
  std::string text;                // kind text: the single string
  Statistics statistics;           // numbers only
  std::vector<RankPart> per_rank;  // Reduction::gather only: ascending ranks, absent ranks left out

  [[nodiscard]] const std::string& key() const noexcept { return info->key; }
  [[nodiscard]] bool is_number() const noexcept { return info->kind != Kind::text; }
};

struct Record {
  std::optional<std::int64_t> step;  // as the caller gave it
  std::int64_t row_step = 0;         // `step`, or a count of the rows without one
  double time = 0;                   // seconds since the Unix epoch, at the lowest rank that logged
  std::vector<Metric> metrics;       // in the order in which they met on rank 0
  std::int32_t n_ranks = 1;          // size of the communicator

  // Null when the record has no such key. Complexity: linear.
  [[nodiscard]] const Metric* find(std::string_view key) const noexcept;
};

}  // namespace ranklog
