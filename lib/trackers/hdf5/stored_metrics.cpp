#include "trackers/hdf5/stored_metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>
#include <utility>

#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "trackers/hdf5/row_copy.hpp"

namespace ranklog::trackers::hdf5 {
namespace {

using h5::checked;

constexpr std::size_t max_depth = 128;  // a key has no more parts

struct Names {
  std::vector<std::string> names;
};

herr_t add_name(hid_t, const char* name, const H5L_info_t* info, void* data) noexcept {
  try {
    if (info->type == H5L_TYPE_HARD) static_cast<Names*>(data)->names.emplace_back(name);
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

std::vector<std::string> names_in(hid_t group, const std::string& path) {
  Names names;
  hsize_t position = 0;
  checked(H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &position, add_name, &names), "list", path);
  return std::move(names.names);
}

bool has_rows(std::string_view name) { return name != "rank" && name != "element"; }

// The best that deflate can do, for a file that was repacked: 258 bytes for two bits.
constexpr double max_compression = 1032;

[[noreturn]] void throw_too_long(const std::string& path) {
  throw h5::CallFailed(fmt::format("the dataset {} claims more rows than the file holds", path));
}

bool has_gaps(hid_t dataset, const std::string& name, const std::string& path) {
  if (!h5::may_have_gaps(name)) return false;
  const h5::PropertyList creation(checked(H5Dget_create_plist(dataset), "read dataset", path));
  return h5::gives_fill_value(creation.get());
}

// Nobody vouches for the file, and its rows are about to be read.
void check_storage(hid_t dataset, const std::vector<hsize_t>& extents, const std::string& path) {
  const h5::Type type(checked(H5Dget_type(dataset), "read dataset", path));
  const h5::PropertyList creation(checked(H5Dget_create_plist(dataset), "read dataset", path));
  double n_bytes = static_cast<double>(H5Tget_size(type.get()));
  for (const hsize_t extent : extents) n_bytes *= static_cast<double>(extent);
  double n_stored = static_cast<double>(H5Dget_storage_size(dataset));
  if (H5Pget_nfilters(creation.get()) > 0) n_stored *= max_compression;
  if (n_bytes > n_stored) throw_too_long(path);
}

// The most rows that columns claim which need not store them, and that others do store.
struct RowCounts {
  hsize_t n_claimed = 0;
  std::string claimed_by;
  hsize_t n_stored = 0;
};

void add_column(hid_t group, const std::string& name, StoredMetric& metric, RowCounts& counts) {
  const std::string path = metric.path + '/' + name;
  const h5::Dataset dataset(
      checked(H5Dopen2(group, name.c_str(), H5P_DEFAULT), "open dataset", path));
  const std::vector<hsize_t> extents = extents_of(dataset.get());
  if (extents.empty()) throw h5::CallFailed(fmt::format("the dataset {} has no rows", path));
  const bool is_claim = has_gaps(dataset.get(), name, path);
  if (!is_claim) check_storage(dataset.get(), extents, path);
  if (!is_claim) {
    counts.n_stored = std::max(counts.n_stored, extents.front());
  } else if (extents.front() > counts.n_claimed) {
    counts.n_claimed = extents.front();
    counts.claimed_by = path;
  }
  if (!metric.columns.empty() && metric.n_rows != extents.front()) metric.is_even = false;
  metric.n_rows =
      metric.columns.empty() ? extents.front() : std::min(metric.n_rows, extents.front());
  metric.columns.push_back(name);
  if (name == "step") {
    checked(H5Rcreate(&metric.step, dataset.get(), ".", H5R_OBJECT, -1), "refer to", path);
  }
}

void visit(hid_t file, const std::string& path, bool is_text, std::size_t depth,
           std::vector<StoredMetric>& found) {
  if (depth > max_depth) throw h5::CallFailed(fmt::format("the group {} is nested too deep", path));
  const h5::Group group(checked(H5Gopen2(file, path.c_str(), H5P_DEFAULT), "open group", path));
  const auto key = read_text(file, path, "key");
  StoredMetric metric;
  RowCounts counts;
  for (const std::string& name : names_in(group.get(), path)) {
    const bool is_dataset = key && h5::is_dataset_name(name);
    if (!is_dataset) {
      visit(file, path + '/' + name, is_text, depth + 1, found);
    } else if (has_rows(name)) {
      metric.path = path;
      add_column(group.get(), name, metric, counts);
    }
  }
  if (!key) return;
  if (counts.n_claimed > counts.n_stored) throw_too_long(counts.claimed_by);
  if (metric.step == 0) throw h5::CallFailed(fmt::format("the metric {} has no steps", path));
  metric.key = *key;
  metric.is_text = is_text;
  metric.index = read_integer(file, path, "index").value_or(0);
  found.push_back(std::move(metric));
}

}  // namespace

std::vector<StoredMetric> find_metrics(hid_t file) {
  std::vector<StoredMetric> found;
  for (const char* const root : {h5::metrics_group, h5::text_group}) {
    if (checked(H5Lexists(file, root, H5P_DEFAULT), "look for", root) == 0) continue;
    visit(file, root, root == h5::text_group, 0, found);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.index < b.index; });
  return found;
}

std::vector<std::int32_t> attempt_numbers(hid_t file) {
  const h5::Group runs(checked(H5Gopen2(file, "/run", H5P_DEFAULT), "open group", "/run"));
  std::vector<std::int32_t> numbers;
  for (const std::string& name : names_in(runs.get(), "/run")) {
    std::int32_t number = -1;
    const auto end = name.data() + name.size();
    if (std::from_chars(name.data(), end, number).ptr == end && number >= 0) {
      numbers.push_back(number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::optional<std::int64_t> read_integer(hid_t file, const std::string& object, const char* name) {
  if (checked(H5Aexists_by_name(file, object.c_str(), name, H5P_DEFAULT), "look for", name) == 0) {
    return std::nullopt;
  }
  const h5::Attribute attribute(
      checked(H5Aopen_by_name(file, object.c_str(), name, H5P_DEFAULT, H5P_DEFAULT), "open", name));
  const h5::Space space(checked(H5Aget_space(attribute.get()), "read", name));
  if (H5Sget_simple_extent_npoints(space.get()) != 1) return std::nullopt;
  std::int64_t value = 0;
  checked(H5Aread(attribute.get(), H5T_NATIVE_INT64, &value), "read", name);
  return value;
}

std::optional<std::string> read_text(hid_t file, const std::string& object, const char* name) {
  if (checked(H5Aexists_by_name(file, object.c_str(), name, H5P_DEFAULT), "look for", name) == 0) {
    return std::nullopt;
  }
  const h5::Attribute attribute(
      checked(H5Aopen_by_name(file, object.c_str(), name, H5P_DEFAULT, H5P_DEFAULT), "open", name));
  const h5::Space space(checked(H5Aget_space(attribute.get()), "read", name));
  const h5::Type type(checked(H5Aget_type(attribute.get()), "read", name));
  if (H5Sget_simple_extent_npoints(space.get()) != 1 || H5Tis_variable_str(type.get()) <= 0) {
    return std::nullopt;
  }
  char* text = nullptr;
  const h5::Type utf8 = h5::utf8_type();
  checked(H5Aread(attribute.get(), utf8.get(), &text), "read", name);
  std::string copy = text == nullptr ? "" : text;
  H5free_memory(text);
  return copy;
}

}  // namespace ranklog::trackers::hdf5
