#include "trackers/aim/aim_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "core/text.hpp"
#include "http/json_answer.hpp"
#include "ranklog/error.hpp"

namespace ranklog::trackers::aim {
namespace {

constexpr char sentinel = '\xFE';
constexpr std::string_view replacement = "\xEF\xBF\xBD";
constexpr int max_depth = 64;
constexpr std::size_t max_pairs = 100'000;

enum Type : unsigned char {
  type_null = 0,
  type_bool = 1,
  type_integer = 2,
  type_real = 3,
  type_text = 4,
  type_bytes = 5,
  type_array = 6,
  type_object = 7,
  type_custom = 15,
};

std::string little_endian(std::uint64_t value, int n_bytes) {
  std::string bytes;
  for (int i = 0; i < n_bytes; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFFU);
  return bytes;
}

std::uint64_t from_little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

void append_key(std::string& path, std::int64_t index) {
  path += sentinel;
  const auto bits = static_cast<std::uint64_t>(index);
  for (int i = 7; i >= 0; --i) path += static_cast<char>(bits >> (8 * i) & 0xFFU);
  path += sentinel;
}

void append_key(std::string& path, std::string_view key) {
  path += key.empty() ? std::string(replacement) : decodable(key);
  path += sentinel;
}

}  // namespace

std::string decodable(std::string_view text) {
  if (is_valid_utf8(text)) return std::string(text);
  std::string result;
  while (!text.empty()) {
    constexpr std::size_t longest = 4;
    std::size_t n = 1;
    while (n <= std::min(longest, text.size()) && !is_valid_utf8(text.substr(0, n))) ++n;
    const bool is_valid = n <= std::min(longest, text.size());
    result += is_valid ? text.substr(0, n) : replacement;
    text.remove_prefix(is_valid ? n : 1);
  }
  return result;
}

std::string encode_path(const Path& path) {
  std::string result;
  for (const Key& key : path) {
    std::visit([&](const auto& one) { append_key(result, one); }, key);
  }
  return result;
}

void TreeWriter::enter(std::int64_t index) {
  ends_.push_back(path_.size());
  append_key(path_, index);
}

void TreeWriter::enter(std::string_view key) {
  ends_.push_back(path_.size());
  append_key(path_, key);
}

void TreeWriter::leave() {
  path_.resize(ends_.back());
  ends_.pop_back();
}

void TreeWriter::pair(unsigned char type, std::string_view body, bool is_blob) {
  constexpr std::size_t longest = std::numeric_limits<std::uint32_t>::max() - std::size_t{1};
  if (path_.size() > longest || body.size() > longest) {
    throw InvalidValueError(fmt::format("a value of {} bytes is too long for Aim", body.size()));
  }
  bytes_ += little_endian(path_.size(), 4);
  bytes_ += path_;
  bytes_ += is_blob ? '\x01' : '\x00';
  bytes_ += little_endian(body.size() + 1, 4);
  bytes_ += static_cast<char>(type);
  bytes_ += body;
}

void TreeWriter::null() { pair(type_null, {}); }
void TreeWriter::boolean(bool value) {
  pair(type_bool, std::string_view(value ? "\x01" : "\0", 1));
}
void TreeWriter::integer(std::int64_t value) {
  pair(type_integer, little_endian(static_cast<std::uint64_t>(value), 8));
}
void TreeWriter::real(double value) {
  pair(type_real, little_endian(std::bit_cast<std::uint64_t>(value), 8));
}
void TreeWriter::text(std::string_view value) { pair(type_text, decodable(value)); }
void TreeWriter::array() { pair(type_array, {}); }
void TreeWriter::empty_object() { pair(type_object, {}); }
void TreeWriter::custom(std::string_view type) { pair(type_custom, type); }
void TreeWriter::text_blob(std::string_view value) { pair(type_text, decodable(value), true); }
void TreeWriter::bytes_blob(std::string_view value) { pair(type_bytes, value, true); }
void TreeWriter::value(const ConfigValue& value) { this->value(value, 0); }

void TreeWriter::value(const ConfigValue& value, int depth) {
  if (depth > max_depth) {
    throw InvalidValueError(fmt::format("a dictionary is nested more than {} deep", max_depth));
  }
  if (const auto* flag = value.get_if<bool>()) {
    boolean(*flag);
  } else if (const auto* whole = value.get_if<std::int64_t>()) {
    integer(*whole);
  } else if (const auto* number = value.get_if<double>()) {
    real(*number);
  } else if (const auto* words = value.get_if<std::string>()) {
    text(*words);
  } else if (const auto* list = value.get_if<ConfigValue::List>()) {
    array();
    for (std::size_t i = 0; i < list->size(); ++i) {
      enter(static_cast<std::int64_t>(i));
      this->value((*list)[i], depth + 1);
      leave();
    }
  } else if (const auto* nested = value.get_if<Config>()) {
    if (nested->empty()) empty_object();
    for (const auto& item : nested->items()) {
      enter(std::string_view(item.key));
      this->value(item.value, depth + 1);
      leave();
    }
  } else {
    null();
  }
}

void TreeWriter::path(const Path& path) {
  array();
  for (std::size_t i = 0; i < path.size(); ++i) {
    enter(static_cast<std::int64_t>(i));
    if (const auto* index = std::get_if<std::int64_t>(&path[i])) {
      integer(*index);
    } else {
      text(std::get<std::string>(path[i]));
    }
    leave();
  }
}

Tree Tree::decode(std::string_view bytes) {
  Tree tree;
  const auto take = [&bytes](std::size_t n) {
    if (n > bytes.size()) throw http::BadAnswerError("a tree that ends within a pair");
    const auto part = bytes.substr(0, n);
    bytes.remove_prefix(n);
    return part;
  };
  for (std::size_t i = 0; !bytes.empty(); ++i) {
    if (i == max_pairs) {
      throw http::BadAnswerError(fmt::format("a tree of more than {} pairs", max_pairs));
    }
    const auto path = take(from_little_endian(take(4)));
    take(1);  // whether it is a blob
    tree.pairs_[std::string(path)] = take(from_little_endian(take(4)));
  }
  return tree;
}

std::string_view Tree::find(const Path& path) const {
  const auto found = pairs_.find(encode_path(path));
  return found == pairs_.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<std::string> Tree::text(const Path& path) const {
  const auto value = find(path);
  if (value.empty() || value[0] != type_text) return std::nullopt;
  return std::string(value.substr(1));
}

std::optional<std::int64_t> Tree::integer(const Path& path) const {
  const auto value = find(path);
  if (value.size() != 1 + sizeof(std::int64_t) || value[0] != type_integer) return std::nullopt;
  return static_cast<std::int64_t>(from_little_endian(value.substr(1)));
}

std::optional<double> Tree::number(const Path& path) const {
  if (const auto whole = integer(path)) return static_cast<double>(*whole);
  const auto value = find(path);
  if (value.size() != 1 + sizeof(double) || value[0] != type_real) return std::nullopt;
  return std::bit_cast<double>(from_little_endian(value.substr(1)));
}

}  // namespace ranklog::trackers::aim
