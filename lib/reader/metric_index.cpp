#include "reader/metric_index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <string_view>
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
  Walk(hid_t file, std::vector<Defect>* unfit) : file_(file), unfit_(unfit) {}

  void visit(const std::string& path, std::size_t depth = 0) {
    try {
      visit_group(path, depth);
    } catch (const std::runtime_error& error) {  // Damage or a call that HDF5 refused
      if (unfit_ == nullptr) throw;
      unfit_->push_back({path, error.what()});
    }
  }

  [[nodiscard]] std::vector<FoundSeries> take() {
    std::stable_sort(found_.begin(), found_.end(),
                     [](const auto& a, const auto& b) { return a.index < b.index; });
    return std::move(found_);
  }

 private:
  void visit_group(const std::string& path, std::size_t depth) {
    if (depth > max_depth) throw Damage(fmt::format("the group '{}' is nested too deep", path));
    const h5::Group group(checked(H5Gopen2(file_, path.c_str(), H5P_DEFAULT), "open group", path));
    // A damaged file may hold a group that contains itself.
    if (!seen_.insert(address_of(group.get())).second) {
      throw Damage(fmt::format("the group '{}' is found twice", path));
    }
    const bool is_metric = checked(H5Aexists(group.get(), "key"), "look for attribute", "key") > 0;
    if (is_metric) add_or_name(group.get(), path);
    // In a metric's group these names are its datasets.
    for (const std::string& name :
         group_names(group.get(), is_metric ? h5::is_dataset_name : nullptr)) {
      visit(path + '/' + name, depth + 1);
    }
  }

  // The groups below one that is no metric may be.
  void add_or_name(hid_t group, const std::string& path) {
    try {
      add(group, path);
    } catch (const Damage& damage) {
      if (unfit_ == nullptr) throw Damage(fmt::format("{}: {}", path, damage.what()));
      unfit_->push_back({path, damage.what()});
    }
  }

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
    if (read_text_attribute(group, "nan") == "skip") info.nan = NanPolicy::skip;
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
  std::vector<Defect>* unfit_;
  std::map<hobj_ref_t, std::int64_t> n_rows_;
  std::set<hobj_ref_t> seen_;
  std::set<std::string> keys_;
  std::vector<FoundSeries> found_;
};

// Reads the rows that were asked for from all columns of one metric.
class ColumnReader {
 public:
  ColumnReader(hid_t group, const ReadOptions& options, Lengths lengths, Series& series)
      : group_(group), options_(options), lengths_(lengths), series_(series) {}

  void read() {
    const RowDataset step(group_, "step");
    n_rows_ = lengths_ == Lengths::may_differ ? shortest() : step.n_rows();
    series_.info.n_rows = static_cast<std::int64_t>(n_rows_);
    choose_rows(step);
    if (wants(Columns::time)) series_.time = open("time").reals(rows_);
    if (series_.info.kind == Kind::text) {
      if (wants(Columns::value)) series_.text = open("value").texts(rows_);
    } else {
      read_numbers();
    }
    if (series_.info.has_per_rank && wants(Columns::per_rank)) read_per_rank();
  }

 private:
  [[nodiscard]] bool wants(Columns column) const { return contains(options_.columns, column); }

  [[nodiscard]] std::size_t shortest() const {
    std::size_t n = std::numeric_limits<std::size_t>::max();
    for (const std::string_view name : h5::dataset_names) {
      const std::string column(name);
      if (name == "rank" || name == "element" || !has_dataset(group_, column.c_str())) continue;
      const RowDataset one(group_, column.c_str(), max_dimensions_of(name), gaps_of(name));
      n = std::min(n, one.n_rows());
    }
    return n;
  }
  // docs/format.md, "A number". The step's own rows are all there, and no column is longer.
  [[nodiscard]] static Gaps gaps_of(std::string_view name) {
    return h5::may_have_gaps(name) ? Gaps::filled : Gaps::none;
  }
  [[nodiscard]] static std::size_t max_dimensions_of(std::string_view name) {
    return name == "per_rank" ? 3 : name == "per_rank_count" ? 2 : 1;
  }

  RowDataset open(const char* name) const {
    RowDataset column(group_, name, max_dimensions_of(name), gaps_of(name));
    const bool is_long_enough =
        lengths_ == Lengths::may_differ ? column.n_rows() >= n_rows_ : column.n_rows() == n_rows_;
    if (!is_long_enough) {
      throw Damage(fmt::format("the dataset '{}' has {} rows where 'step' has {}", name,
                               column.n_rows(), n_rows_));
    }
    return column;
  }

  // From the rows in the range to those at the wanted steps.
  void choose_rows(const RowDataset& step) {
    const auto n = static_cast<std::int64_t>(n_rows_);
    const std::int64_t first = std::clamp<std::int64_t>(options_.rows.first, 0, n);
    const std::int64_t end = std::clamp<std::int64_t>(options_.rows.end, first, n);
    const std::int64_t stride = std::max<std::int64_t>(options_.rows.stride, 1);
    rows_ = {static_cast<std::size_t>(first),
             static_cast<std::size_t>((end - first + stride - 1) / stride),
             static_cast<std::size_t>(stride)};
    series_.step = step.integers(rows_);
    if (!options_.steps) return;
    const auto is_wanted = [&](std::int64_t one) {
      return one >= options_.steps->first && one <= options_.steps->last;
    };
    // Steps ascend, but for rows that came late; what lies between is dropped at the end.
    auto& steps = series_.step;
    const auto begin = std::find_if(steps.begin(), steps.end(), is_wanted);
    const auto last = std::find_if(steps.rbegin(), std::make_reverse_iterator(begin), is_wanted);
    rows_.first += static_cast<std::size_t>(begin - steps.begin()) * rows_.stride;
    rows_.n = static_cast<std::size_t>(last.base() - begin);
    steps = std::vector<std::int64_t>(begin, last.base());
  }

  void read_numbers() {
    if (wants(Columns::value)) {
      const RowDataset value = open("value");
      if (read_text_attribute(group_, "dtype") == "int64") {
        series_.integers = value.integers(rows_);
        series_.value.assign(series_.integers.begin(), series_.integers.end());
      } else {
        series_.value = value.reals(rows_);
      }
    }
    if (wants(Columns::min)) series_.min = open("min").reals(rows_);
    if (wants(Columns::max)) series_.max = open("max").reals(rows_);
    if (wants(Columns::std)) series_.std = open("std").reals(rows_);
    if (wants(Columns::min_rank)) series_.min_rank = open("min_rank").small_integers(rows_);
    if (wants(Columns::max_rank)) series_.max_rank = open("max_rank").small_integers(rows_);
    if (wants(Columns::first_nan_rank)) {
      series_.first_nan_rank = open("first_nan_rank").small_integers(rows_);
    }
    if (wants(Columns::count)) series_.count = open("count").integers(rows_);
    if (wants(Columns::nan_count)) series_.nan_count = open("nan_count").integers(rows_);
  }

  void read_per_rank() {
    const RowDataset counts = open("per_rank_count");
    const RowDataset cells = open("per_rank");
    const std::vector<hsize_t>& extents = cells.extents();
    if (extents[1] != counts.extents()[1]) {
      throw Damage("'per_rank' and 'per_rank_count' are of different numbers of ranks");
    }
    series_.per_rank_width = extents.size() > 2 ? static_cast<std::int64_t>(extents[2]) : 1;
    series_.per_rank_count = counts.integers(rows_);
    if (series_.info.kind == Kind::text) {
      series_.per_rank_text = cells.texts(rows_);
      return;
    }
    if (series_.info.kind == Kind::real) {
      series_.per_rank = cells.reals(rows_);
      return;
    }
    series_.per_rank_integers = cells.integers(rows_);
    const auto width = static_cast<std::size_t>(series_.per_rank_width);
    series_.per_rank.assign(series_.per_rank_integers.size(),
                            std::numeric_limits<double>::quiet_NaN());
    for (std::size_t i = 0; i < series_.per_rank.size(); ++i) {
      const auto n_given =
          static_cast<std::size_t>(std::max<std::int64_t>(series_.per_rank_count[i / width], 0));
      if (i % width < n_given) {
        series_.per_rank[i] = static_cast<double>(series_.per_rank_integers[i]);
      }
    }
  }

  hid_t group_;
  const ReadOptions& options_;
  Lengths lengths_;
  Series& series_;
  std::size_t n_rows_ = 0;
  Rows rows_;
};

// Keeps the cells of the rows at the wanted steps.
template <class T>
void keep_rows(const std::vector<bool>& is_kept, std::vector<T>& cells) {
  if (cells.empty()) return;
  const std::size_t width = cells.size() / is_kept.size();
  std::size_t to = 0;
  for (std::size_t row = 0; row < is_kept.size(); ++row) {
    if (!is_kept[row]) continue;
    for (std::size_t i = 0; i < width; ++i) cells[to++] = std::move(cells[row * width + i]);
  }
  cells.resize(to);
}

void drop_other_steps(const StepRange& steps, Series& series) {
  std::vector<bool> is_kept;
  for (const std::int64_t step : series.step) {
    is_kept.push_back(step >= steps.first && step <= steps.last);
  }
  if (std::find(is_kept.begin(), is_kept.end(), false) == is_kept.end()) return;
  keep_rows(is_kept, series.step);
  for (auto* const cells :
       {&series.time, &series.value, &series.min, &series.max, &series.std, &series.per_rank}) {
    keep_rows(is_kept, *cells);
  }
  for (auto* const cells : {&series.min_rank, &series.max_rank, &series.first_nan_rank}) {
    keep_rows(is_kept, *cells);
  }
  for (auto* const cells : {&series.integers, &series.count, &series.nan_count,
                            &series.per_rank_integers, &series.per_rank_count}) {
    keep_rows(is_kept, *cells);
  }
  keep_rows(is_kept, series.text);
  keep_rows(is_kept, series.per_rank_text);
}

}  // namespace

std::vector<FoundSeries> find_series(hid_t file, const std::string& root,
                                     std::vector<Defect>* unfit) {
  Walk walk(file, unfit);
  for (const char* const group : {h5::metrics_group, h5::text_group}) {
    const std::string path = root + group;
    if (has_link(file, path.c_str() + 1)) walk.visit(path);
  }
  return walk.take();
}

Series read_series(hid_t file, const FoundSeries& found, const ReadOptions& options,
                   Lengths lengths) {
  const h5::Group group(
      checked(H5Gopen2(file, found.path.c_str(), H5P_DEFAULT), "open group", found.path));
  Series series;
  series.info = found.info;
  ColumnReader(group.get(), options, lengths, series).read();
  if (options.steps) drop_other_steps(*options.steps, series);
  return series;
}

}  // namespace ranklog::reader
