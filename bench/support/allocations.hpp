// Counts heap allocations of the calling thread. Linking allocations.cpp replaces operator new.
#pragma once

#include <cstdint>

namespace ranklog::bench {

[[nodiscard]] std::int64_t n_allocations_of_this_thread() noexcept;

}  // namespace ranklog::bench
