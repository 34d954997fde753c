// Names and types as in "HDF5 Dimension Scale Specification and Design Notes", version 1.0.
#include "trackers/hdf5/dimension_scales.hpp"

#include <cstring>

#include "hdf5/library.hpp"

namespace ranklog::trackers::hdf5 {
namespace {

using h5::checked;

// Opens the attribute, which is made if it is not there.
h5::Attribute open_or_create(hid_t object, const char* name, hid_t type, hid_t space) {
  const bool is_there = checked(H5Aexists(object, name), "look for attribute", name) > 0;
  const hid_t id = is_there ? H5Aopen(object, name, H5P_DEFAULT)
                            : H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  return h5::Attribute(checked(id, "create attribute", name));
}

void write_fixed_text(hid_t object, const char* name, const char* text) {
  h5::Type type(checked(H5Tcopy(H5T_C_S1), "create attribute", name));
  checked(H5Tset_size(type.get(), std::strlen(text) + 1), "create attribute", name);
  const h5::Space space(checked(H5Screate(H5S_SCALAR), "create attribute", name));
  const h5::Attribute attribute = open_or_create(object, name, type.get(), space.get());
  checked(H5Awrite(attribute.get(), type.get(), text), "write attribute", name);
}

}  // namespace

void make_scale(hid_t dataset, const char* name) {
  write_fixed_text(dataset, "CLASS", "DIMENSION_SCALE");
  write_fixed_text(dataset, "NAME", name);
}

void attach_scales(hid_t dataset, const std::vector<hobj_ref_t>& scales) {
  constexpr const char* name = "DIMENSION_LIST";
  const h5::Type type(checked(H5Tvlen_create(H5T_STD_REF_OBJ), "create attribute", name));
  const hsize_t n = scales.size();
  const h5::Space space(checked(H5Screate_simple(1, &n, nullptr), "create attribute", name));
  std::vector<hobj_ref_t> references = scales;
  std::vector<hvl_t> lists;
  for (hobj_ref_t& reference : references) lists.push_back({1, &reference});
  const h5::Attribute attribute = open_or_create(dataset, name, type.get(), space.get());
  checked(H5Awrite(attribute.get(), type.get(), lists.data()), "write attribute", name);
}

void list_uses(hid_t scale, const std::vector<ScaleUse>& uses) {
  constexpr const char* name = "REFERENCE_LIST";
  if (checked(H5Aexists(scale, name), "look for attribute", name) > 0) {
    checked(H5Adelete(scale, name), "replace attribute", name);
  }
  if (uses.empty()) return;
  const h5::Type type(checked(H5Tcreate(H5T_COMPOUND, sizeof(ScaleUse)), "create attribute", name));
  checked(H5Tinsert(type.get(), "dataset", HOFFSET(ScaleUse, dataset), H5T_STD_REF_OBJ),
          "create attribute", name);
  checked(H5Tinsert(type.get(), "dimension", HOFFSET(ScaleUse, dimension), H5T_NATIVE_INT),
          "create attribute", name);
  const hsize_t n = uses.size();
  const h5::Space space(checked(H5Screate_simple(1, &n, nullptr), "create attribute", name));
  const h5::Attribute attribute(
      checked(H5Acreate2(scale, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
              "create attribute", name));
  checked(H5Awrite(attribute.get(), type.get(), uses.data()), "write attribute", name);
}

}  // namespace ranklog::trackers::hdf5
