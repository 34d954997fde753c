#include "trackers/hdf5/row_copy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <numeric>
#include <string_view>

#include "hdf5/library.hpp"

namespace ranklog::trackers::hdf5 {
namespace {

using h5::checked;

constexpr hsize_t cells_per_block = 131072;

// A selection of whole rows in a dataset, in trailing extents that may be smaller than its own.
h5::Space select(hid_t dataset, hsize_t first, const std::vector<hsize_t>& count) {
  h5::Space space(checked(H5Dget_space(dataset), "select", "rows"));
  std::vector<hsize_t> start(count.size(), 0);
  start.front() = first;
  checked(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(),
                              nullptr),
          "select", "rows");
  return space;
}

h5::Space in_memory(const std::vector<hsize_t>& count) {
  return h5::Space(checked(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr),
                           "select", "rows"));
}

herr_t copy_attribute(hid_t from, const char* name, const H5A_info_t*, void* data) noexcept {
  constexpr std::array<std::string_view, 4> of_scales{"CLASS", "NAME", "DIMENSION_LIST",
                                                      "REFERENCE_LIST"};
  if (std::find(of_scales.begin(), of_scales.end(), name) != of_scales.end()) return 0;
  const hid_t to = *static_cast<hid_t*>(data);
  const h5::Attribute source(H5Aopen(from, name, H5P_DEFAULT));
  const h5::Type type(H5Aget_type(source.get()));
  const h5::Space space(H5Aget_space(source.get()));
  if (!source || !type || !space) return -1;
  const hssize_t n = H5Sget_simple_extent_npoints(space.get());
  std::vector<std::byte> cells(static_cast<std::size_t>(std::max<hssize_t>(n, 1)) *
                               std::max<std::size_t>(H5Tget_size(type.get()), sizeof(hvl_t)));
  if (H5Aread(source.get(), type.get(), cells.data()) < 0) return -1;
  const h5::Attribute target(
      H5Acreate2(to, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
  const herr_t status = target ? H5Awrite(target.get(), type.get(), cells.data()) : -1;
  if (H5Tdetect_class(type.get(), H5T_STRING) > 0 && H5Tis_variable_str(type.get()) > 0) {
    H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, cells.data());
  }
  return status;
}

}  // namespace

std::vector<hsize_t> extents_of(hid_t dataset) {
  const h5::Space space(checked(H5Dget_space(dataset), "read", "extents"));
  std::array<hsize_t, H5S_MAX_RANK> extents{};
  const int n =
      checked(H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr), "read", "extents");
  return {extents.begin(), extents.begin() + n};
}

hsize_t chunk_rows_of(hid_t file, const std::string& path) {
  const h5::Dataset dataset(
      checked(H5Dopen2(file, path.c_str(), H5P_DEFAULT), "open dataset", path));
  const h5::PropertyList creation(
      checked(H5Dget_create_plist(dataset.get()), "read chunks of", path));
  std::array<hsize_t, H5S_MAX_RANK> chunk{};
  checked(H5Pget_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data()),
          "read chunks of", path);
  return chunk.front();
}

void set_row_count(hid_t dataset, hsize_t n_rows) {
  std::vector<hsize_t> extents = extents_of(dataset);
  if (extents.front() == n_rows) return;
  extents.front() = n_rows;
  checked(H5Dset_extent(dataset, extents.data()), "cut", "a dataset");
}

void read_rows(hid_t dataset, hsize_t first, hsize_t n, hid_t memory_type, void* cells) {
  std::vector<hsize_t> count = extents_of(dataset);
  count.front() = n;
  const h5::Space in_file = select(dataset, first, count);
  const h5::Space memory = in_memory(count);
  checked(H5Dread(dataset, memory_type, memory.get(), in_file.get(), H5P_DEFAULT, cells), "read",
          "rows");
}

void copy_rows(hid_t from, hsize_t first, hsize_t n, hid_t to, hsize_t at) {
  std::vector<hsize_t> count = extents_of(from);
  const hsize_t cells_per_row =
      std::accumulate(count.begin() + 1, count.end(), hsize_t{1}, std::multiplies<>());
  const hsize_t rows_per_block =
      std::max<hsize_t>(cells_per_block / std::max<hsize_t>(cells_per_row, 1), 1);
  const h5::Type type(checked(H5Dget_type(from), "read", "rows"));
  const bool is_text = H5Tis_variable_str(type.get()) > 0;
  std::vector<std::byte> cells;
  for (hsize_t done = 0; done < n;) {
    count.front() = std::min(rows_per_block, n - done);
    cells.assign(count.front() * cells_per_row * H5Tget_size(type.get()), std::byte{});
    const h5::Space memory = in_memory(count);
    const h5::Space source = select(from, first + done, count);
    checked(H5Dread(from, type.get(), memory.get(), source.get(), H5P_DEFAULT, cells.data()),
            "read", "rows");
    const h5::Space target = select(to, at + done, count);
    const herr_t status =
        H5Dwrite(to, type.get(), memory.get(), target.get(), H5P_DEFAULT, cells.data());
    checked(status, "write", "rows");
    if (is_text) H5Dvlen_reclaim(type.get(), memory.get(), H5P_DEFAULT, cells.data());
    done += count.front();
  }
}

h5::Dataset create_like(hid_t original, hid_t group, const char* name,
                        const std::vector<hsize_t>& extents) {
  const h5::Type type(checked(H5Dget_type(original), "copy dataset", name));
  const h5::PropertyList creation(checked(H5Dget_create_plist(original), "copy dataset", name));
  std::vector<hsize_t> limits = extents;
  limits.front() = H5S_UNLIMITED;
  if (limits.size() > 2) limits.back() = H5S_UNLIMITED;
  const h5::Space space(
      checked(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), limits.data()),
              "copy dataset", name));
  h5::Dataset made(checked(
      H5Dcreate2(group, name, type.get(), space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
      "create dataset", name));
  return made;
}

void copy_attributes(hid_t from, hid_t to) {
  hsize_t position = 0;
  checked(H5Aiterate2(from, H5_INDEX_CRT_ORDER, H5_ITER_INC, &position, copy_attribute, &to),
          "copy", "attributes");
}

void tie_to_scales(hid_t group, const char* name) {
  const h5::Dataset dataset(checked(H5Dopen2(group, name, H5P_DEFAULT), "open dataset", name));
  constexpr std::array<const char*, 3> all{"step", "rank", "element"};
  const std::size_t n_dimensions = std::min(extents_of(dataset.get()).size(), all.size());
  std::vector<hobj_ref_t> scales(n_dimensions);
  for (std::size_t i = 0; i < n_dimensions; ++i) {
    checked(H5Rcreate(&scales[i], group, all[i], H5R_OBJECT, -1), "refer to", all[i]);
  }
  attach_scales(dataset.get(), scales);
}

CopiedColumns::CopiedColumns(hid_t file, const StoredMetric& metric, hid_t group)
    : file_(file), metric_(metric), group_(group) {
  if (has("rank")) {
    const std::string path = metric_.path + "/rank";
    checked(H5Lcreate_hard(file_, path.c_str(), group_, "rank", H5P_DEFAULT, H5P_DEFAULT), "link",
            path);
  }
  if (has("element")) {  // the metric's own may still grow
    const std::string path = metric_.path + "/element";
    const h5::Dataset original(
        checked(H5Dopen2(file_, path.c_str(), H5P_DEFAULT), "open dataset", path));
    const std::vector<hsize_t> extents = extents_of(original.get());
    const h5::Dataset copy = create_like(original.get(), group_, "element", extents);
    copy_rows(original.get(), 0, extents.front(), copy.get(), 0);
    make_scale(copy.get(), "element");
  }
}

bool CopiedColumns::has(const char* name) const {
  const std::string path = metric_.path + '/' + name;
  return checked(H5Lexists(file_, path.c_str(), H5P_DEFAULT), "look for", path) > 0;
}

RowTarget CopiedColumns::create(const std::string& name, hsize_t n_rows) {
  const std::string path = metric_.path + '/' + name;
  RowTarget target;
  target.from =
      h5::Dataset(checked(H5Dopen2(file_, path.c_str(), H5P_DEFAULT), "open dataset", path));
  std::vector<hsize_t> extents = extents_of(target.from.get());
  extents.front() = n_rows;
  target.to = create_like(target.from.get(), group_, name.c_str(), extents);
  copy_attributes(target.from.get(), target.to.get());
  Made made{name, 0};
  checked(H5Rcreate(&made.reference, target.to.get(), ".", H5R_OBJECT, -1), "refer to", path);
  made_.push_back(std::move(made));
  return target;
}

void CopiedColumns::attach_scales() {
  std::vector<ScaleUse> uses;
  const h5::Dataset step(checked(H5Dopen2(group_, "step", H5P_DEFAULT), "open dataset", "step"));
  make_scale(step.get(), "step");
  for (const Made& made : made_) {
    if (made.name == "step") continue;
    tie_to_scales(group_, made.name.c_str());
    uses.push_back({made.reference, 0});
  }
  list_uses(step.get(), uses);
}

}  // namespace ranklog::trackers::hdf5
