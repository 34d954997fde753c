#include "trackers/hdf5/attributes.hpp"

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "core/text.hpp"
#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "trackers/hdf5/output_file.hpp"

namespace ranklog::trackers::hdf5 {
namespace {

using h5::checked;

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0; });
}

void write_attribute_data(hid_t object, const std::string& name, hid_t file_type, hid_t memory_type,
                          hid_t space, const void* data) {
  h5::PropertyList creation;
  if (!is_ascii(name)) {
    creation = h5::PropertyList(checked(H5Pcreate(H5P_ATTRIBUTE_CREATE), "create attribute", name));
    checked(H5Pset_char_encoding(creation.get(), H5T_CSET_UTF8), "create attribute", name);
  }
  const h5::Attribute attribute(
      checked(H5Acreate2(object, name.c_str(), file_type, space,
                         creation ? creation.get() : H5P_DEFAULT, H5P_DEFAULT),
              "create attribute", name));
  if (data != nullptr) {
    checked(H5Awrite(attribute.get(), memory_type, data), "write attribute", name);
  }
}

// The elements of a scalar (one) or a list of T, as HDF5 takes them from memory.
template <class T>
void write_elements(hid_t object, const std::string& name, hid_t space,
                    const std::vector<const T*>& elements) {
  if constexpr (std::is_same_v<T, bool>) {
    std::vector<std::int8_t> data;
    for (const bool* const element : elements) data.push_back(*element ? 1 : 0);
    const h5::Type type = h5::boolean_type();
    write_attribute_data(object, name, type.get(), type.get(), space, data.data());
  } else if constexpr (std::is_same_v<T, std::string>) {
    std::vector<std::string> texts;
    for (const std::string* const element : elements) texts.push_back(storable(*element));
    std::vector<const char*> data;
    for (const std::string& text : texts) data.push_back(text.c_str());
    const h5::Type type = h5::utf8_type();
    write_attribute_data(object, name, type.get(), type.get(), space, data.data());
  } else {
    std::vector<T> data;
    for (const T* const element : elements) data.push_back(*element);
    const bool is_real = std::is_same_v<T, double>;
    write_attribute_data(object, name, is_real ? H5T_IEEE_F64LE : H5T_STD_I64LE,
                         is_real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64, space, data.data());
  }
}

template <class T>
bool write_list_of(hid_t object, const std::string& name, const ConfigValue::List& list) {
  std::vector<const T*> elements;
  for (const ConfigValue& value : list) {
    const T* const element = value.get_if<T>();
    if (element == nullptr) return false;
    elements.push_back(element);
  }
  const hsize_t n = elements.size();
  const h5::Space space(checked(H5Screate_simple(1, &n, nullptr), "create attribute", name));
  write_elements(object, name, space.get(), elements);
  return true;
}

// False for a list that mixes types or holds lists or dictionaries.
bool write_list(hid_t object, const std::string& name, const ConfigValue::List& list) {
  return write_list_of<std::int64_t>(object, name, list) ||
         write_list_of<double>(object, name, list) || write_list_of<bool>(object, name, list) ||
         write_list_of<std::string>(object, name, list);
}

void write_null(hid_t object, const std::string& name) {
  const h5::Space space(checked(H5Screate(H5S_NULL), "create attribute", name));
  write_attribute_data(object, name, H5T_STD_I8LE, H5T_STD_I8LE, space.get(), nullptr);
}

// Attributes and groups keep their order each among themselves only. A comment is out of the way of
// everything that reads attributes.
void write_place(hid_t group, const std::string& name, std::size_t place) {
  checked(H5Oset_comment(group, std::to_string(place).c_str()), "create group", name);
}

}  // namespace

void write_attribute(hid_t object, const std::string& name, const ConfigValue& value) {
  std::visit(
      [&](const auto& stored) {
        using T = std::decay_t<decltype(stored)>;
        if constexpr (std::is_same_v<T, std::nullptr_t>) {
          write_null(object, name);
        } else if constexpr (std::is_same_v<T, ConfigValue::List>) {
          if (!write_list(object, name, stored)) {
            write_attribute(object, name, ConfigValue(to_text(value)));
          }
        } else if constexpr (std::is_same_v<T, Config>) {
          write_attribute(object, name, ConfigValue(to_text(value)));
        } else {
          const h5::Space space(checked(H5Screate(H5S_SCALAR), "create attribute", name));
          write_elements<T>(object, name, space.get(), {&stored});
        }
      },
      value.storage());
}

void replace_attribute(hid_t object, const std::string& name, const ConfigValue& value) {
  if (checked(H5Aexists(object, name.c_str()), "look for attribute", name) > 0) {
    checked(H5Adelete(object, name.c_str()), "replace attribute", name);
  }
  write_attribute(object, name, value);
}

void write_config(hid_t group, const Config& config) {
  std::size_t place = 0;
  const auto write_nested = [&](const std::string& name, const Config& nested) {
    const h5::Group made = make_group(group, name);
    write_place(made.get(), name, place);
    write_config(made.get(), nested);
  };
  for (const ConfigItem& item : config.items()) {
    const std::string key = storable(item.key);
    if (const auto* const nested = item.value.get_if<Config>()) {
      write_nested(h5::encode_group_name(key), *nested);
      ++place;
      continue;
    }
    const auto* const list = item.value.get_if<ConfigValue::List>();
    if (list == nullptr) {
      write_attribute(group, key, item.value);
    } else if (!write_list(group, key, *list)) {
      Config numbered;
      for (std::size_t i = 0; i < list->size(); ++i) numbered.set(std::to_string(i), (*list)[i]);
      write_nested(h5::encode_group_name(key) + std::string(h5::list_suffix), numbered);
    }
    ++place;
  }
}

std::string storable(std::string_view text) {
  if (text.find('\0') == std::string_view::npos && is_valid_utf8(text)) return std::string(text);
  return escape_unprintable(text, std::string_view::npos);
}

}  // namespace ranklog::trackers::hdf5
