#include "reader/validate.hpp"

#include <algorithm>
#include <set>

#include "hdf5/layout.hpp"
#include "ranklog/error.hpp"

namespace ranklog {
namespace {

void check_all(reader::OpenRun& run, reader::DefectList& defects) {
  reader::check_identity(run, defects);
  for (const char* const group : {h5::metrics_group, h5::text_group}) {
    reader::check_links(run, group, defects);
  }
  const std::int64_t n_ranks = reader::count_ranks(run);
  std::vector<reader::FoundSeries> series;
  std::vector<Defect> unfit;
  defects.guard(h5::metrics_group, [&] { series = reader::find_series(run.file(), {}, &unfit); });
  for (Defect& defect : unfit) defects.add(std::move(defect.object), std::move(defect.what));
  std::set<std::int64_t> indices;
  for (const reader::FoundSeries& one : series) {
    if (!indices.insert(one.index).second) {
      defects.add(one.path, "the attribute 'index' is that of another metric");
    }
    reader::check_series(run, one, n_ranks, defects);
  }
  defects.guard("/run", [&] {
    for (const AbandonedSeries& one : run.abandoned()) {
      reader::check_series(run, run.found_abandoned(one), n_ranks, defects);
    }
  });
  reader::check_summary(run, defects);
}

}  // namespace

std::vector<Defect> validate_run(const std::filesystem::path& path) {
  reader::DefectList defects;
  try {
    reader::OpenRun run(reader::run_file_of(path));
    run.read([&] {
      defects.clear();
      check_all(run, defects);
    });
  } catch (const FileFormatError& error) {
    defects.clear();
    defects.add("/", error.what());
  }
  return defects.all();
}

}  // namespace ranklog
