#include "trackers/hdf5/resumed_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "hdf5/committed_file.hpp"
#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "trackers/hdf5/row_copy.hpp"
#include "trackers/hdf5/stored_metrics.hpp"

namespace ranklog::trackers::hdf5 {
namespace {

std::shared_ptr<const MetricInfo> info_of(hid_t file, const StoredMetric& metric) {
  auto info = std::make_shared<MetricInfo>();
  info->key = metric.key;
  const auto text = [&](const char* name) {
    return read_text(file, metric.path, name).value_or(std::string());
  };
  const auto kind = kind_from_string(text("kind"));
  const auto reduction = reduction_from_string(text("reduction"));
  if (!kind || !reduction) {
    throw h5::CallFailed(fmt::format("the kind or reduction of {} is unknown", metric.path));
  }
  info->kind = *kind;
  info->reduction = *reduction;
  info->unit = text("unit");
  info->long_name = text("long_name");
  info->nan = text("nan") == "skip" ? NanPolicy::skip : NanPolicy::propagate;
  return info;
}

}  // namespace

ResumedRun take_over(OutputFile& file, Placement& placement) {
  ResumedRun run;
  std::map<hobj_ref_t, std::vector<Series*>> tables;
  std::map<hobj_ref_t, hsize_t> n_rows;
  for (const StoredMetric& metric : find_metrics(file.id())) {
    auto series =
        std::make_unique<Series>(info_of(file.id(), metric), file.n_ranks(), metric.index);
    series->adopt(file, metric.path, metric.n_rows);
    GroupTree& tree = metric.is_text ? placement.texts : placement.metrics;
    const std::string_view root = metric.is_text ? h5::text_group : h5::metrics_group;
    tree.take(std::string_view(metric.path).substr(root.size() + 1));
    tables[metric.step].push_back(series.get());
    n_rows[metric.step] = metric.n_rows;
    run.next_index = std::max(run.next_index, metric.index + 1);
    if (!run.series.emplace(metric.key, std::move(series)).second) {
      throw h5::CallFailed(fmt::format("two groups say that they are '{}'", metric.key));
    }
  }
  for (auto& [step, series] : tables) {
    run.tables.push_back(std::make_unique<Table>(std::move(series)));
    run.tables.back()->adopt(file, n_rows[step]);
  }
  return run;
}

std::int64_t next_step_of(const std::filesystem::path& run_file) {
  h5::CommittedFile committed(run_file);
  const h5::PropertyList access = committed.access();
  const h5::File file(
      h5::checked(H5Fopen(run_file.c_str(), H5F_ACC_RDONLY, access.get()), "open", "the file"));
  std::int64_t next = 0;
  std::set<hobj_ref_t> seen;  // most metrics share their steps
  for (const StoredMetric& metric : find_metrics(file.get())) {
    if (metric.n_rows == 0 || !seen.insert(metric.step).second) continue;
    const std::string path = metric.path + "/step";
    const h5::Dataset step(
        h5::checked(H5Dopen2(file.get(), path.c_str(), H5P_DEFAULT), "open dataset", path));
    std::vector<std::int64_t> steps(metric.n_rows);
    read_rows(step.get(), 0, metric.n_rows, H5T_NATIVE_INT64, steps.data());
    next = std::max(next, *std::max_element(steps.begin(), steps.end()) + 1);
  }
  return next;
}

}  // namespace ranklog::trackers::hdf5
