// The attributes that make a dataset a dimension scale and tie others to it, written at once: the
// library's own H5DSattach_scale rewrites a growing list for each dataset that is attached.
#pragma once

#include <hdf5.h>

#include <vector>

namespace ranklog::trackers::hdf5 {

struct ScaleUse {
  hobj_ref_t dataset = 0;
  int dimension = 0;
};

// CLASS and NAME. Errors of all: h5::CallFailed.
void make_scale(hid_t dataset, const char* name);
// DIMENSION_LIST: one scale for each dimension.
void attach_scales(hid_t dataset, const std::vector<hobj_ref_t>& scales);
// REFERENCE_LIST of a scale: all datasets that use it. Replaces the list that was there.
void list_uses(hid_t scale, const std::vector<ScaleUse>& uses);

}  // namespace ranklog::trackers::hdf5
