// The counting operator new of allocations.hpp. The array and nothrow forms call these.
#include "support/allocations.hpp"

#include <cstdlib>
#include <new>

namespace {
thread_local std::int64_t n_allocations = 0;
}

namespace ranklog::bench {
std::int64_t n_allocations_of_this_thread() noexcept { return n_allocations; }
}  // namespace ranklog::bench

void* operator new(std::size_t n_bytes) {
  ++n_allocations;
  void* memory = std::malloc(n_bytes == 0 ? 1 : n_bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* operator new(std::size_t n_bytes, std::align_val_t alignment) {
  ++n_allocations;
  const auto align = static_cast<std::size_t>(alignment);
  void* memory = std::aligned_alloc(align, (n_bytes + align - 1) / align * align);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
