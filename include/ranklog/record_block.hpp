// What a tracker may receive instead of single records: many rows of the same keys, in columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "ranklog/record.hpp"

namespace ranklog {

// One metric of a block; never text and never gathered. Every vector that is not empty has one
// element per row. A block holds finite values of weight 1 only, so that in every row nan_count is
// 0, first_nan_rank is -1, and the weight is `count`.
struct BlockColumn {
  std::shared_ptr<const MetricInfo> info;
  std::int64_t count = 0;                   // values in each row, the same in all rows
  std::vector<double> value;                // the single number under info->reduction
  std::vector<std::int64_t> integer_value;  // the same, exact; empty unless has_integer_value()
  std::vector<double> min, max, mean, std;
  std::vector<std::int32_t> min_rank, max_rank;
};

// Rows of log calls with the same keys, in the order of their steps.
struct RecordBlock {
  bool has_steps = true;               // false: the caller gave none, and row_step counts the rows
  std::int32_t n_ranks = 1;            // size of the communicator
  std::vector<std::int64_t> row_step;  // one per row
  std::vector<double> time;            // one per row; see Record::time
  std::vector<BlockColumn> metrics;

  [[nodiscard]] std::size_t n_rows() const noexcept { return row_step.size(); }
  // Makes `record` what log() would have received for that row; its memory is used again.
  // Complexity: O(metrics).
  void copy_row(std::size_t row, Record& record) const;
};

}  // namespace ranklog
