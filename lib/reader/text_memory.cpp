#include "reader/text_memory.hpp"

#include <cstdlib>

#include "hdf5/library.hpp"

namespace ranklog::reader {

h5::PropertyList TextMemory::transfer_list() {
  h5::PropertyList list(h5::checked(H5Pcreate(H5P_DATASET_XFER), "make", "a transfer list"));
  h5::checked(H5Pset_vlen_mem_manager(list.get(), allocate, this, release, this), "make",
              "a transfer list");
  return list;
}

void* TextMemory::allocate(std::size_t n_bytes, void* self) noexcept {
  auto& memory = *static_cast<TextMemory*>(self);
  if (n_bytes > memory.n_bytes_left_) {
    memory.is_exhausted_ = true;
    return nullptr;
  }
  memory.n_bytes_left_ -= n_bytes;
  return std::malloc(n_bytes);
}

void TextMemory::release(void* memory, void* self) noexcept {
  (void)self;
  std::free(memory);
}

}  // namespace ranklog::reader
