#include "reader/metric_index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "reader/columns.hpp"
#include "reader/objects.hpp"

namespace ranklog::reader {
namespace {

using h5::checked;

// A key has at most half as many parts as bytes, which are at most 250.
constexpr std::size_t max_depth = 128;

class Walk {
 public:
  explicit Walk(hid_t file) : file_(file) {}

  void visit(const std::string& path, std::size_t depth = 0) {
    if (depth > max_depth) throw Damage(fmt::format("the group '{}' is nested too deep", path));
    const h5::Group group(checked(H5Gopen2(file_, path.c_str(), H5P_DEFAULT), "open group", path));
    // A damaged file may hold a group that contains itself.
    if (!seen_.insert(address_of(group.get())).second) {
      throw Damage(fmt::format("the group '{}' is found twice", path));
    }
    const bool is_metric = checked(H5Aexists(group.get(), "key"), "look for attribute", "key") > 0;
    if (is_metric) add(group.get(), path);
    // In a metric's group these names are its datasets.
    for (const std::string& name :
         group_names(group.get(), is_metric ? h5::is_dataset_name : nullptr)) {
      visit(path + '/' + name, depth + 1);
    }
  }

  [[nodiscard]] std::vector<FoundSeries> take() {
    std::stable_sort(found_.begin(), found_.end(),
                     [](const auto& a, const auto& b) { return a.index < b.index; });
    return std::move(found_);
  }

 private:
  void add(hid_t group, const std::string& path) {
    FoundSeries found;
    found.path = path;
    SeriesInfo& info = found.info;
    info.key = read_text_attribute(group, "key");
    if (!keys_.insert(info.key).second) {
      throw Damage(fmt::format("two groups say that they are the metric '{}'", info.key));
    }
    const auto kind = kind_from_string(read_text_attribute(group, "kind"));
    const auto reduction = reduction_from_string(read_text_attribute(group, "reduction"));
    if (!kind || !reduction) {
      throw Damage(fmt::format("the kind or reduction of '{}' is unknown", info.key));
    }
    info.kind = *kind;
    info.reduction = *reduction;
    info.unit = read_text_attribute(group, "unit");
    info.long_name = read_text_attribute(group, "long_name");
    info.has_per_rank = has_dataset(group, "per_rank");
    info.n_rows = count_rows(group);
    found.index = read_integer_attribute(group, "index");
    found_.push_back(std::move(found));
  }

  // Most metrics share a few step datasets.
  std::int64_t count_rows(hid_t group) {
    if (!has_dataset(group, "step")) throw Damage("the dataset 'step' is missing");
    const h5::Dataset step(checked(H5Dopen2(group, "step", H5P_DEFAULT), "open dataset", "step"));
    const auto [known, is_new] = n_rows_.try_emplace(address_of(step.get()), 0);
    if (is_new) known->second = static_cast<std::int64_t>(RowDataset(group, "step").n_rows());
    return known->second;
  }

  hid_t file_;
  std::map<hobj_ref_t, std::int64_t> n_rows_;
  std::set<hobj_ref_t> seen_;
  std::set<std::string> keys_;
  std::vector<FoundSeries> found_;
};

// A column, which must have as many rows as the others: a killed writer leaves no other state
// behind its last flush.
RowDataset open_column(hid_t group, const char* name, std::size_t n_rows,
                       std::size_t max_dimensions = 1) {
  RowDataset column(group, name, max_dimensions);
  if (column.n_rows() != n_rows) {
    throw Damage(fmt::format("the dataset '{}' has {} rows where 'step' has {}", name,
                             column.n_rows(), n_rows));
  }
  return column;
}

void read_numbers(hid_t group, std::size_t n, Series& series) {
  const std::string dtype = read_text_attribute(group, "dtype");
  const RowDataset value = open_column(group, "value", n);
  if (dtype == "int64") {
    series.integers = value.integers(n);
    series.value.assign(series.integers.begin(), series.integers.end());
  } else {
    series.value = value.reals(n);
  }
  series.min = open_column(group, "min", n).reals(n);
  series.max = open_column(group, "max", n).reals(n);
  series.std = open_column(group, "std", n).reals(n);
  series.min_rank = open_column(group, "min_rank", n).small_integers(n);
  series.max_rank = open_column(group, "max_rank", n).small_integers(n);
  series.first_nan_rank = open_column(group, "first_nan_rank", n).small_integers(n);
  series.count = open_column(group, "count", n).integers(n);
  series.nan_count = open_column(group, "nan_count", n).integers(n);
}

void read_per_rank(hid_t group, std::size_t n, Series& series) {
  const RowDataset counts = open_column(group, "per_rank_count", n, 2);
  const RowDataset cells = open_column(group, "per_rank", n, 3);
  const std::vector<hsize_t>& extents = cells.extents();
  if (extents[1] != counts.extents()[1]) {
    throw Damage("'per_rank' and 'per_rank_count' are of different numbers of ranks");
  }
  series.per_rank_width = extents.size() > 2 ? static_cast<std::int64_t>(extents[2]) : 1;
  series.per_rank_count = counts.integers(n);
  if (series.info.kind == Kind::text) {
    series.per_rank_text = cells.texts(n);
    return;
  }
  if (series.info.kind == Kind::real) {
    series.per_rank = cells.reals(n);
    return;
  }
  series.per_rank_integers = cells.integers(n);
  const auto width = static_cast<std::size_t>(series.per_rank_width);
  series.per_rank.assign(series.per_rank_integers.size(), std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < series.per_rank.size(); ++i) {
    const auto n_given =
        static_cast<std::size_t>(std::max<std::int64_t>(series.per_rank_count[i / width], 0));
    if (i % width < n_given) series.per_rank[i] = static_cast<double>(series.per_rank_integers[i]);
  }
}

}  // namespace

std::vector<FoundSeries> find_series(hid_t file) {
  Walk walk(file);
  for (const char* const root : {h5::metrics_group, h5::text_group}) {
    if (has_link(file, root + 1)) walk.visit(root);
  }
  return walk.take();
}

Series read_series(hid_t file, const FoundSeries& found) {
  const h5::Group group(
      checked(H5Gopen2(file, found.path.c_str(), H5P_DEFAULT), "open group", found.path));
  Series series;
  series.info = found.info;
  const RowDataset step(group.get(), "step");
  const std::size_t n = step.n_rows();
  series.info.n_rows = static_cast<std::int64_t>(n);
  series.step = step.integers(n);
  series.time = open_column(group.get(), "time", n).reals(n);
  if (series.info.kind == Kind::text) {
    series.text = open_column(group.get(), "value", n).texts(n);
  } else {
    read_numbers(group.get(), n, series);
  }
  if (series.info.has_per_rank) read_per_rank(group.get(), n, series);
  return series;
}

}  // namespace ranklog::reader
