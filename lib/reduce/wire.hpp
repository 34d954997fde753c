// Numbers and strings to bytes and back. The reader trusts nothing: every length is checked
// against what is left.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "ranklog/communicator.hpp"

namespace ranklog::reduce {

// All ranks of a job have the same byte order, so numbers travel as they are.
class WireWriter {
 public:
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void put(const T& value) { append(&value, sizeof(T)); }
  void put_text(std::string_view text);
  template <class T>
  void put_array(std::span<const T> values) {
    put(static_cast<std::uint32_t>(values.size()));
    append(values.data(), values.size_bytes());
  }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] Bytes take() noexcept { return std::exchange(bytes_, {}); }
  [[nodiscard]] const Bytes& bytes() const noexcept { return bytes_; }
  // Empties the writer, which keeps its memory.
  void clear() noexcept { bytes_.clear(); }
  void put_bytes(std::span<const std::byte> bytes) { append(bytes.data(), bytes.size()); }

 private:
  void append(const void* data, std::size_t n_bytes);

  Bytes bytes_;
};

// Errors of all members: CommunicationError that names `what`, which is borrowed as the bytes are,
// if the bytes end too early.
class WireReader {
 public:
  WireReader(std::span<const std::byte> bytes, std::string_view what) : rest_(bytes), what_(what) {}

  template <class T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] T get() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  [[nodiscard]] std::string get_text();
  template <class T>
  [[nodiscard]] std::vector<T> get_array() {
    const auto n = get_count(sizeof(T));
    std::vector<T> values(n);
    const auto bytes = take(n * sizeof(T));
    if (n > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  // A number of things of at least `min_bytes_each`, so that it can be trusted for reserve().
  [[nodiscard]] std::size_t get_count(std::size_t min_bytes_each);
  [[nodiscard]] std::span<const std::byte> get_bytes(std::size_t n_bytes) { return take(n_bytes); }
  [[nodiscard]] bool is_at_end() const noexcept { return rest_.empty(); }
  [[noreturn]] void reject(std::string_view why) const;

 private:
  [[nodiscard]] std::span<const std::byte> take(std::size_t n_bytes);

  std::span<const std::byte> rest_;
  std::string_view what_;
};

}  // namespace ranklog::reduce
