#include "ranklog/record_block.hpp"

namespace ranklog {

void RecordBlock::copy_row(std::size_t row, Record& record) const {
  record.step.reset();
  if (has_steps) record.step = row_step[row];
  record.row_step = row_step[row];
  record.time = time[row];
  record.n_ranks = n_ranks;
  record.metrics.resize(metrics.size());
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const BlockColumn& column = metrics[i];
    Metric& metric = record.metrics[i];
    if (metric.info != column.info) metric.info = column.info;
    metric.value = column.value[row];
    metric.integer_value = column.integer_value.empty() ? 0 : column.integer_value[row];
    metric.text.clear();
    metric.per_rank.clear();
    Statistics& statistics = metric.statistics;
    statistics.count = column.count;
    statistics.nan_count = 0;
    statistics.weight = static_cast<double>(column.count);
    statistics.min = column.min[row];
    statistics.max = column.max[row];
    statistics.mean = column.mean[row];
    statistics.std = column.std[row];
    statistics.min_rank = column.min_rank[row];
    statistics.max_rank = column.max_rank[row];
    statistics.first_nan_rank = -1;
  }
}

}  // namespace ranklog
