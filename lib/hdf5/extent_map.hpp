// Bytes that belong at places of a file and are not there yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace ranklog::h5 {

struct Extent {
  std::vector<std::byte> bytes;
  std::uint8_t turn = 0;  // neighbours of the same turn are kept as one extent
};

class ExtentMap {
 public:
  // Later bytes replace earlier ones. O(log extents).
  void write(std::uint64_t offset, std::span<const std::byte> bytes, std::uint8_t turn = 0);
  // Puts what is known of [offset, offset + into.size()) over what `into` holds.
  void overlay(std::uint64_t offset, std::span<std::byte> into) const;
  // True if one extent holds all of it, and then it is in `into`.
  [[nodiscard]] bool read_whole(std::uint64_t offset, std::span<std::byte> into) const;
  void remove(std::uint64_t begin, std::uint64_t end);
  void clear() noexcept;

  [[nodiscard]] bool empty() const noexcept { return extents_.empty(); }
  [[nodiscard]] std::size_t n_bytes() const noexcept { return n_bytes_; }
  [[nodiscard]] const std::map<std::uint64_t, Extent>& extents() const noexcept { return extents_; }

 private:
  using Map = std::map<std::uint64_t, Extent>;
  // The first extent that ends behind `offset`.
  [[nodiscard]] Map::const_iterator first_behind(std::uint64_t offset) const;

  Map extents_;
  std::size_t n_bytes_ = 0;
};

}  // namespace ranklog::h5
