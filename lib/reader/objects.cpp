#include "reader/objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <exception>
#include <limits>
#include <new>
#include <set>
#include <utility>

#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"

namespace ranklog::reader {
namespace {

using h5::checked;

constexpr int max_config_depth = 256;
constexpr hsize_t max_attribute_bytes = 256u << 20;

struct Names {
  std::vector<std::string> names;
  std::exception_ptr error;
};

// Exceptions may not pass through HDF5, which is C.
template <class Body>
herr_t collect(Names& names, Body body) noexcept {
  try {
    body();
    return 0;
  } catch (...) {
    names.error = std::current_exception();
    return -1;
  }
}

herr_t add_attribute(hid_t, const char* name, const H5A_info_t*, void* data) noexcept {
  auto& names = *static_cast<Names*>(data);
  return collect(names, [&] { names.names.emplace_back(name); });
}

herr_t add_hard_link(hid_t, const char* name, const H5L_info_t* info, void* data) noexcept {
  auto& names = *static_cast<Names*>(data);
  return collect(names, [&] {
    if (info->type == H5L_TYPE_HARD) names.names.emplace_back(name);
  });
}

bool is_object_of(hid_t group, const char* name, H5O_type_t type) {
  const h5::Object object(checked(H5Oopen(group, name, H5P_DEFAULT), "open", name));
  return H5Iget_type(object.get()) == (type == H5O_TYPE_GROUP ? H5I_GROUP : H5I_DATASET);
}

template <class T>
ConfigValue to_value(const std::vector<T>& elements, bool is_scalar) {
  if (is_scalar) return ConfigValue(elements.front());
  ConfigValue::List list;
  for (const T& element : elements) list.emplace_back(element);
  return ConfigValue(list);
}

template <class T>
std::vector<T> read_numbers(hid_t attribute, hid_t memory_type, std::size_t n,
                            const std::string& name) {
  std::vector<T> elements(n);
  if (n > 0) {
    checked(H5Aread(attribute, memory_type, elements.data()), "read attribute", name);
  }
  return elements;
}

std::vector<std::string> read_fixed_texts(hid_t attribute, hid_t type, std::size_t n,
                                          const std::string& name) {
  const std::size_t width = H5Tget_size(type);
  std::vector<char> bytes(n * width);
  checked(H5Aread(attribute, type, bytes.data()), "read attribute", name);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < n; ++i) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(i * width);
    texts.emplace_back(begin, std::find(begin, begin + static_cast<std::ptrdiff_t>(width), '\0'));
  }
  return texts;
}

std::vector<std::string> read_texts(hid_t attribute, hid_t type, std::size_t n,
                                    const std::string& name) {
  if (n == 0) return {};
  if (H5Tis_variable_str(type) <= 0) return read_fixed_texts(attribute, type, n, name);
  const h5::Type memory_type = h5::utf8_type();
  // H5Aread has no transfer list, so HDF5 allocates these itself; one is at most a heap object.
  std::vector<char*> pointers(n, nullptr);
  checked(H5Aread(attribute, memory_type.get(), pointers.data()), "read attribute", name);
  std::vector<std::string> texts;
  for (const char* const text : pointers) texts.emplace_back(text == nullptr ? "" : text);
  const hsize_t extent = n;
  const h5::Space space(H5Screate_simple(1, &extent, nullptr));
  H5Dvlen_reclaim(memory_type.get(), space.get(), H5P_DEFAULT, pointers.data());
  return texts;
}

[[noreturn]] void reject_type(const std::string& name, const char* what) {
  throw Damage(fmt::format("attribute '{}' is {}, which run files do not hold", name, what));
}

ConfigValue read_typed(hid_t attribute, hid_t type, std::size_t n, bool is_scalar,
                       const std::string& name) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return to_value(read_numbers<std::int64_t>(attribute, H5T_NATIVE_INT64, n, name), is_scalar);
    case H5T_FLOAT:
      return to_value(read_numbers<double>(attribute, H5T_NATIVE_DOUBLE, n, name), is_scalar);
    case H5T_STRING:
      return to_value(read_texts(attribute, type, n, name), is_scalar);
    case H5T_ENUM: {
      const h5::Type boolean = h5::boolean_type();
      if (H5Tequal(type, boolean.get()) <= 0) reject_type(name, "an enumeration");
      const auto bytes = read_numbers<std::int8_t>(attribute, boolean.get(), n, name);
      if (is_scalar) return ConfigValue(bytes.front() != 0);
      ConfigValue::List list;
      for (const std::int8_t byte : bytes) list.emplace_back(byte != 0);
      return ConfigValue(list);
    }
    default:
      reject_type(name, "of an unknown type");
  }
}

// Where a nested dictionary stands among the items of the one around it, as its group's comment
// says; at the end if it does not.
std::size_t place_of(hid_t group) {
  std::array<char, 24> text{};
  const ssize_t n = H5Oget_comment(group, text.data(), text.size());
  std::size_t place = std::numeric_limits<std::size_t>::max();
  if (n > 0) std::from_chars(text.data(), text.data() + text.size(), place);
  return place;
}

// Attributes and groups each come in their own order; together they make the dictionary.
class ItemOrder {
 public:
  void add(std::string key, ConfigValue value) {
    plain_.push_back({std::move(key), std::move(value)});
  }
  void add_at(std::size_t place, std::string key, ConfigValue value) {
    placed_.push_back({place, {std::move(key), std::move(value)}});
  }
  [[nodiscard]] Config take() {
    std::stable_sort(placed_.begin(), placed_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    Config config;
    std::size_t n = 0;
    auto next = placed_.begin();
    const auto set = [&](ConfigItem& item) {
      config.set(item.key, std::move(item.value));
      ++n;
    };
    for (ConfigItem& item : plain_) {
      for (; next != placed_.end() && next->first <= n; ++next) set(next->second);
      set(item);
    }
    for (; next != placed_.end(); ++next) set(next->second);
    return config;
  }

 private:
  std::vector<ConfigItem> plain_;
  std::vector<std::pair<std::size_t, ConfigItem>> placed_;
};

bool is_list_group(std::string_view name) { return name.ends_with(h5::list_suffix); }

// A damaged file may hold a group that contains itself.
Config read_config_at(hid_t group, std::set<hobj_ref_t>& seen, int depth = 0) {
  if (!seen.insert(address_of(group)).second) {
    throw Damage("a dictionary of the configuration is found twice");
  }
  if (depth > max_config_depth) {
    throw Damage(fmt::format("the configuration is nested deeper than {}", max_config_depth));
  }
  ItemOrder items;
  for (const std::string& name : attribute_names(group)) {
    items.add(name, read_attribute(group, name));
  }
  for (const std::string& name : group_names(group)) {
    const h5::Group nested(checked(H5Gopen2(group, name.c_str(), H5P_DEFAULT), "open group", name));
    Config inner = read_config_at(nested.get(), seen, depth + 1);
    if (!is_list_group(name)) {
      items.add_at(place_of(nested.get()), h5::decode_group_name(name), std::move(inner));
      continue;
    }
    ConfigValue::List list;
    for (std::size_t i = 0; i < inner.size(); ++i) {
      const ConfigValue* const item = inner.find(std::to_string(i));
      if (item == nullptr) throw Damage(fmt::format("the list '{}' has no item {}", name, i));
      list.push_back(*item);
    }
    const std::string_view key =
        std::string_view(name).substr(0, name.size() - h5::list_suffix.size());
    items.add_at(place_of(nested.get()), h5::decode_group_name(key), ConfigValue(list));
  }
  return items.take();
}

}  // namespace

hobj_ref_t address_of(hid_t object) {
  hobj_ref_t address = 0;
  checked(H5Rcreate(&address, object, ".", H5R_OBJECT, -1), "find", "an object");
  return address;
}

std::vector<std::string> attribute_names(hid_t object) {
  Names names;
  hsize_t position = 0;
  herr_t status =
      H5Aiterate2(object, H5_INDEX_CRT_ORDER, H5_ITER_INC, &position, add_attribute, &names);
  if (names.error) std::rethrow_exception(names.error);
  if (status < 0) {
    // Another writer need not have kept the order.
    names.names.clear();
    position = 0;
    status = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &position, add_attribute, &names);
    if (names.error) std::rethrow_exception(names.error);
  }
  checked(status, "list", "attributes");
  return std::move(names.names);
}

std::vector<std::string> group_names(hid_t group, bool (*is_other)(std::string_view)) {
  const h5::PropertyList creation(checked(H5Gget_create_plist(group), "list", "a group"));
  unsigned order = 0;
  checked(H5Pget_link_creation_order(creation.get(), &order), "list", "a group");
  const H5_index_t index =
      (order & H5P_CRT_ORDER_TRACKED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
  Names names;
  hsize_t position = 0;
  const herr_t status = H5Literate(group, index, H5_ITER_INC, &position, add_hard_link, &names);
  if (names.error) std::rethrow_exception(names.error);
  checked(status, "list", "a group");
  std::erase_if(names.names, [&](const std::string& name) {
    return (is_other != nullptr && is_other(name)) ||
           !is_object_of(group, name.c_str(), H5O_TYPE_GROUP);
  });
  return std::move(names.names);
}

bool has_link(hid_t group, const char* name) {
  return checked(H5Lexists(group, name, H5P_DEFAULT), "look for", name) > 0;
}

bool has_dataset(hid_t group, const char* name) {
  if (!has_link(group, name)) return false;
  H5L_info_t info{};
  checked(H5Lget_info(group, name, &info, H5P_DEFAULT), "look for", name);
  return info.type == H5L_TYPE_HARD && is_object_of(group, name, H5O_TYPE_DATASET);
}

ConfigValue read_attribute(hid_t object, const std::string& name) {
  const h5::Attribute attribute(
      checked(H5Aopen(object, name.c_str(), H5P_DEFAULT), "open attribute", name));
  const h5::Space space(checked(H5Aget_space(attribute.get()), "read attribute", name));
  const H5S_class_t shape = H5Sget_simple_extent_type(space.get());
  if (shape == H5S_NULL) return ConfigValue(nullptr);
  const hssize_t n = checked(H5Sget_simple_extent_npoints(space.get()), "read attribute", name);
  const bool is_scalar = shape == H5S_SCALAR;
  if (H5Aget_storage_size(attribute.get()) > max_attribute_bytes) {
    throw Damage(fmt::format("attribute '{}' is too large", name));
  }
  const h5::Type type(checked(H5Aget_type(attribute.get()), "read attribute", name));
  return read_typed(attribute.get(), type.get(), static_cast<std::size_t>(n), is_scalar, name);
}

namespace {

template <class T>
T read_attribute_of(hid_t object, const char* name, const char* what) {
  if (checked(H5Aexists(object, name), "look for attribute", name) == 0) {
    throw Damage(fmt::format("the attribute '{}' is missing", name));
  }
  const ConfigValue value = read_attribute(object, name);
  const T* const typed = value.get_if<T>();
  if (typed == nullptr) throw Damage(fmt::format("the attribute '{}' is not {}", name, what));
  return *typed;
}

}  // namespace

std::string read_text_attribute(hid_t object, const char* name) {
  return read_attribute_of<std::string>(object, name, "text");
}
std::int64_t read_integer_attribute(hid_t object, const char* name) {
  return read_attribute_of<std::int64_t>(object, name, "an integer");
}
double read_real_attribute(hid_t object, const char* name) {
  return read_attribute_of<double>(object, name, "a real number");
}

Config read_config(hid_t group) {
  std::set<hobj_ref_t> seen;
  return read_config_at(group, seen);
}

}  // namespace ranklog::reader
