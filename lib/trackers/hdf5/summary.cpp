#include "trackers/hdf5/summary.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "hdf5/layout.hpp"
#include "trackers/hdf5/column.hpp"
#include "trackers/hdf5/dimension_scales.hpp"
#include "trackers/hdf5/output_file.hpp"
#include "trackers/hdf5/series.hpp"

namespace ranklog::trackers::hdf5 {

void Summary::add(const SummaryRow& row) {
  if (row.count <= 0) return;
  last = row.value;
  last_step = row.step;
  ++n_rows;
  count += row.count;
  // fmin and fmax pass over NaN.
  min = std::fmin(min, row.min);
  max = std::fmax(max, row.max);
  if (!std::isnan(row.value)) {
    sum_ += row.value;
    mean = sum_ / static_cast<double>(++n_values_);
  }
  if (row.nan_count > 0 || std::isnan(row.value)) {
    if (n_nan_rows++ == 0) {
      first_nan_step = row.step;
      first_nan_rank = row.first_nan_rank;
    }
  }
  if (!(row.min < row.max) || row.worst_rank < 0) return;
  ++n_rows_compared;
  const auto rank = static_cast<std::size_t>(row.worst_rank);
  if (rank >= n_rows_worst.size()) n_rows_worst.resize(rank + 1);
  ++n_rows_worst[rank];
}

void write_summary(const OutputFile& file, const std::vector<const Series*>& series) {
  Column key("key", Cell::text), last("last", Cell::real), mean("mean", Cell::real);
  Column min("min", Cell::real), max("max", Cell::real), count("count", Cell::integer);
  Column last_step("last_step", Cell::integer), n_nan_rows("nan_rows", Cell::integer);
  Column first_nan_step("first_nan_step", Cell::integer);
  Column first_nan_rank("first_nan_rank", Cell::rank), worst_rank("worst_rank", Cell::rank);
  Column n_rows_worst("worst_rows", Cell::integer), n_compared("compared_rows", Cell::integer);
  for (const Series* const one : series) {
    const Summary& summary = one->summary();
    const auto& held = summary.n_rows_worst;
    const auto worst = std::max_element(held.begin(), held.end());  // on a tie the lowest rank
    key.add(std::string_view(one->info().key));
    last.add(summary.last);
    mean.add(summary.mean);
    min.add(summary.min);
    max.add(summary.max);
    count.add(summary.count);
    last_step.add(summary.last_step);
    n_nan_rows.add(summary.n_nan_rows);
    first_nan_step.add(summary.first_nan_step);
    first_nan_rank.add(summary.first_nan_rank);
    worst_rank.add(static_cast<std::int32_t>(held.empty() ? -1 : worst - held.begin()));
    n_rows_worst.add(held.empty() ? std::int64_t{0} : *worst);
    n_compared.add(summary.n_rows_compared);
  }
  (void)make_group(file.id(), h5::summary_group + 1);
  const std::string path = h5::summary_group;
  key.write_new(file, path, {});
  make_scale(key.dataset(), "key");
  std::vector<ScaleUse> uses;
  for (Column* const column :
       {&last, &min, &max, &count, &mean, &last_step, &n_nan_rows, &first_nan_step, &first_nan_rank,
        &worst_rank, &n_rows_worst, &n_compared}) {
    column->write_new(file, path, {key.reference()});
    uses.push_back({column->reference(), 0});
  }
  list_uses(key.dataset(), uses);
}

}  // namespace ranklog::trackers::hdf5
