// Reads single objects of a run file that nobody vouches for: types and extents are checked, and
// nothing is allocated that the file cannot fill.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "hdf5/handle.hpp"
#include "ranklog/config.hpp"

namespace ranklog::reader {

// What is wrong with the file; RunReader adds the path and throws FileFormatError.
class Damage : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Tells objects apart, however they were reached.
[[nodiscard]] hobj_ref_t address_of(hid_t object);
// Names of the attributes of `object` in the order of creation.
[[nodiscard]] std::vector<std::string> attribute_names(hid_t object);
// Names of the groups in `group` in the order of creation. Links to other places are passed over,
// and names for which `is_other` holds, which saves opening each.
[[nodiscard]] std::vector<std::string> group_names(hid_t group,
                                                   bool (*is_other)(std::string_view) = nullptr);
[[nodiscard]] bool has_link(hid_t group, const char* name);
// True if `name` is a dataset in `group`.
[[nodiscard]] bool has_dataset(hid_t group, const char* name);

// An attribute of any type that the writer uses. Errors: Damage for another.
[[nodiscard]] ConfigValue read_attribute(hid_t object, const std::string& name);
// Errors: Damage if it is not there or of another type.
[[nodiscard]] std::string read_text_attribute(hid_t object, const char* name);
[[nodiscard]] std::int64_t read_integer_attribute(hid_t object, const char* name);
[[nodiscard]] double read_real_attribute(hid_t object, const char* name);

// All attributes and nested groups below `group` as a dictionary.
[[nodiscard]] Config read_config(hid_t group);

}  // namespace ranklog::reader
