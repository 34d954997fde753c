// Writes typed attributes, and a whole configuration as attributes in nested groups.
#pragma once

#include <hdf5.h>

#include <string>
#include <string_view>

#include "ranklog/config.hpp"

namespace ranklog::trackers::hdf5 {

// Integers, reals, booleans (as h5py writes them), UTF-8 text, arrays of one of these, and null as
// an empty dataspace. The attribute must not exist. Errors: h5::CallFailed.
void write_attribute(hid_t object, const std::string& name, const ConfigValue& value);
void replace_attribute(hid_t object, const std::string& name, const ConfigValue& value);

// Every leaf of `config` becomes an attribute of `group`, every nested dictionary a group in it.
void write_config(hid_t group, const Config& config);

// Text that HDF5 can keep as a C string and h5py can decode: what is not valid UTF-8, or holds a
// NUL, gets its unprintable bytes as \xNN.
[[nodiscard]] std::string storable(std::string_view text);

}  // namespace ranklog::trackers::hdf5
