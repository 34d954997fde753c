// Rows of log calls with the same keys, column by column, on their way up the tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace ranklog::reduce {

// Index into one rank's ShapeTable; never compared with another rank's.
enum class ShapeId : std::uint32_t {};

// What its slots mean, says its shape. A slot holds 8 bytes a row: doubles, int64, or two int32
// one column after the other.
class Block {
 public:
  // Empties the block. Allocates only to grow.
  void reset(ShapeId shape, std::uint32_t n_slots, std::uint32_t capacity);

  [[nodiscard]] ShapeId shape() const noexcept { return shape_; }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool is_full() const noexcept { return n_rows == capacity_; }
  // Bytes between two slots.
  [[nodiscard]] std::size_t slot_bytes() const noexcept { return slot_bytes_; }
  [[nodiscard]] std::byte* slot(std::uint32_t slot) noexcept {
    return words_.get() + slot * slot_bytes_;
  }
  [[nodiscard]] const std::byte* slot(std::uint32_t slot) const noexcept {
    return words_.get() + slot * slot_bytes_;
  }
  [[nodiscard]] double* reals(std::uint32_t s) noexcept { return as<double>(slot(s)); }
  [[nodiscard]] const double* reals(std::uint32_t s) const noexcept { return as<double>(slot(s)); }
  [[nodiscard]] std::int64_t* integers(std::uint32_t s) noexcept {
    return as<std::int64_t>(slot(s));
  }
  [[nodiscard]] const std::int64_t* integers(std::uint32_t s) const noexcept {
    return as<std::int64_t>(slot(s));
  }
  [[nodiscard]] std::int32_t* min_ranks(std::uint32_t s) noexcept {
    return as<std::int32_t>(slot(s));
  }
  [[nodiscard]] const std::int32_t* min_ranks(std::uint32_t s) const noexcept {
    return as<std::int32_t>(slot(s));
  }
  [[nodiscard]] std::int32_t* max_ranks(std::uint32_t s) noexcept {
    return min_ranks(s) + capacity_;
  }
  [[nodiscard]] const std::int32_t* max_ranks(std::uint32_t s) const noexcept {
    return min_ranks(s) + capacity_;
  }

  std::uint32_t n_rows = 0;
  std::vector<std::int64_t> steps;  // capacity() elements, of which n_rows count
  std::vector<double> times;

 private:
  template <class T>
  [[nodiscard]] static T* as(std::byte* data) noexcept {
    return reinterpret_cast<T*>(data);
  }
  template <class T>
  [[nodiscard]] static const T* as(const std::byte* data) noexcept {
    return reinterpret_cast<const T*>(data);
  }

  ShapeId shape_{};
  std::uint32_t capacity_ = 0;
  std::size_t slot_bytes_ = 0;
  std::unique_ptr<std::byte[]> words_;
  std::size_t n_allocated_ = 0;
};

}  // namespace ranklog::reduce
