#include "reader/summary.hpp"

#include <optional>
#include <string>

#include "hdf5/layout.hpp"
#include "reader/columns.hpp"
#include "reader/objects.hpp"

namespace ranklog::reader {

std::vector<SummaryInfo> read_summary(const OpenRun& run) {
  std::vector<SummaryInfo> all;
  if (!has_link(run.file(), h5::summary_group + 1)) return all;
  const h5::Group group = run.open(h5::summary_group);
  const std::size_t n = RowDataset(group.get(), "key").n_rows();
  const Rows rows{0, n, 1};
  const auto column = [&](const char* name) {
    RowDataset dataset(group.get(), name);
    if (dataset.n_rows() != n) throw Damage("the columns of /summary differ in length");
    return dataset;
  };
  // Files of ranklog 0.1 know less; what is said in their stead would be wrong.
  if (!has_dataset(group.get(), "compared_rows")) return all;
  const auto keys = column("key").texts(rows);
  const auto last = column("last").reals(rows), mean = column("mean").reals(rows);
  const auto min = column("min").reals(rows), max = column("max").reals(rows);
  const auto count = column("count").integers(rows), last_step = column("last_step").integers(rows);
  const auto nan_rows = column("nan_rows").integers(rows);
  const auto nan_step = column("first_nan_step").integers(rows);
  const auto nan_rank = column("first_nan_rank").small_integers(rows);
  const auto worst = column("worst_rank").small_integers(rows);
  const auto worst_rows = column("worst_rows").integers(rows);
  const auto compared = column("compared_rows").integers(rows);
  const auto if_there = [](auto number) {
    return number < 0 ? std::nullopt : std::optional(number);
  };
  for (std::size_t i = 0; i < n; ++i) {
    all.push_back({keys[i], if_there(last_step[i]), last[i], mean[i], min[i], max[i], count[i],
                   nan_rows[i], if_there(nan_step[i]), if_there(nan_rank[i]), if_there(worst[i]),
                   worst_rows[i], compared[i]});
  }
  return all;
}

}  // namespace ranklog::reader
