#include "trackers/hdf5/summary.hpp"

#include <string_view>

#include "hdf5/layout.hpp"
#include "trackers/hdf5/output_file.hpp"

namespace ranklog::trackers::hdf5 {

void write_summary(const OutputFile& file, const std::vector<const Series*>& series) {
  Column key("key", Cell::text), last("last", Cell::real), min("min", Cell::real);
  Column max("max", Cell::real), count("count", Cell::integer);
  for (const Series* const one : series) {
    const Summary& summary = one->summary();
    key.add(std::string_view(one->info().key));
    last.add(summary.last);
    min.add(summary.min);
    max.add(summary.max);
    count.add(summary.count);
  }
  (void)make_group(file.id(), h5::summary_group + 1);
  const std::string path = h5::summary_group;
  key.write_new(file, path, {});
  make_scale(key.dataset(), "key");
  std::vector<ScaleUse> uses;
  for (Column* const column : {&last, &min, &max, &count}) {
    column->write_new(file, path, {key.reference()});
    uses.push_back({column->reference(), 0});
  }
  list_uses(key.dataset(), uses);
}

}  // namespace ranklog::trackers::hdf5
