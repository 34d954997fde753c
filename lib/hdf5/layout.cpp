#include "hdf5/layout.hpp"

#include <fmt/format.h>

#include <charconv>

namespace ranklog::h5 {

std::string encode_group_name(std::string_view key) {
  const bool is_dots = key == "." || key == "..";
  std::string name;
  for (const char c : key) {
    if (c == '%' || c == '/' || is_dots) {
      name += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      name += c;
    }
  }
  return name;
}

std::string decode_group_name(std::string_view name) {
  std::string key;
  for (std::size_t i = 0; i < name.size(); ++i) {
    unsigned code = 0;
    const char* const digits = name.data() + i + 1;
    if (name[i] == '%' && name.size() - i > 2 &&
        std::from_chars(digits, digits + 2, code, 16).ptr == digits + 2) {
      key += static_cast<char>(code);
      i += 2;
    } else {
      key += name[i];
    }
  }
  return key;
}

}  // namespace ranklog::h5
