// Memory for the strings that HDF5 reads, with a limit: one long string in a small file can be
// what every row points to.
#pragma once

#include <hdf5.h>

#include <cstddef>

#include "hdf5/handle.hpp"

namespace ranklog::reader {

class TextMemory {
 public:
  explicit TextMemory(std::size_t max_bytes) noexcept : n_bytes_left_(max_bytes) {}

  // A transfer list that takes strings from here; it must not outlive this object.
  [[nodiscard]] h5::PropertyList transfer_list();
  [[nodiscard]] bool is_exhausted() const noexcept { return is_exhausted_; }

 private:
  static void* allocate(std::size_t n_bytes, void* self) noexcept;
  static void release(void* memory, void* self) noexcept;

  std::size_t n_bytes_left_;
  bool is_exhausted_ = false;
};

}  // namespace ranklog::reader
