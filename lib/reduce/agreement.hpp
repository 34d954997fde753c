// All ranks leave a blocking collective the same way: all return, or all throw the same error.
#pragma once

#include <functional>

#include "ranklog/communicator.hpp"

namespace ranklog::reduce {

// Runs `work` on every rank, then agrees on the outcome. If it threw anywhere, all ranks throw the
// error of the lowest rank that failed; an exception that is not ranklog's arrives as ForeignError
// on the other ranks and unchanged on the one that threw it.
// Collective, waiting. `work` must not communicate. Complexity: one all_reduce of 8 bytes.
void agree(const Communicator& comm, const std::function<void()>& work);

}  // namespace ranklog::reduce
