// Aim's encoding of trees: pairs of an encoded path and an encoded value, on the wire and on its
// server's disk (aim/storage/encoding/encoding.pyx, treeutils.pyx, ext/transport/message_utils.py).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ranklog/config.hpp"

namespace ranklog::trackers::aim {

using Key = std::variant<std::int64_t, std::string>;
using Path = std::vector<Key>;

// The bytes as text that Aim can decode: each byte that is not valid UTF-8 becomes U+FFFD.
[[nodiscard]] std::string decodable(std::string_view text);

// Every key ends with 0xFE; an integer is 0xFE and 8 bytes, big endian.
[[nodiscard]] std::string encode_path(const Path& path);

// Writes one tree depth first. Children stand between enter() and leave().
class TreeWriter {
 public:
  void enter(std::int64_t index);
  void enter(int index) { enter(std::int64_t{index}); }
  // An empty key, which Aim does not know, is written as U+FFFD.
  void enter(std::string_view key);
  void leave();

  void null();
  void boolean(bool value);
  void integer(std::int64_t value);
  void real(double value);
  void text(std::string_view value);
  void array();                        // then its elements under 0, 1, ...
  void empty_object();                 // one with members has no pair of its own
  void custom(std::string_view type);  // then its members
  // Kept outside of the index of Aim's storage.
  void text_blob(std::string_view value);
  void bytes_blob(std::string_view value);
  // Lists and dictionaries, too. Errors: InvalidValueError where they are nested too deeply.
  void value(const ConfigValue& value);
  // An array with the keys of a path.
  void path(const Path& path);

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  void pair(unsigned char type, std::string_view body, bool is_blob = false);
  void value(const ConfigValue& value, int depth);

  std::string path_;
  std::vector<std::size_t> ends_;  // of `path_` before each enter()
  std::string bytes_;
};

// What a server sent, which may be anything.
class Tree {
 public:
  // Errors: http::BadAnswerError for a length beyond the end, or too many pairs.
  static Tree decode(std::string_view bytes);

  // The value at a path; nothing if there is none or if it is of another type. Errors: none.
  [[nodiscard]] std::optional<std::string> text(const Path& path) const;
  [[nodiscard]] std::optional<std::int64_t> integer(const Path& path) const;
  // Of integers, too.
  [[nodiscard]] std::optional<double> number(const Path& path) const;

 private:
  [[nodiscard]] std::string_view find(const Path& path) const;

  std::map<std::string, std::string, std::less<>> pairs_;
};

}  // namespace ranklog::trackers::aim
