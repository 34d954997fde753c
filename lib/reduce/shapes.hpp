// What all ranks must have in common before a blocking collective exchanges elements.
#pragma once

#include <string_view>

#include "ranklog/communicator.hpp"
#include "ranklog/reduction.hpp"

namespace ranklog::reduce {

// Collective, waiting. Throws the same ShapeMismatchError on all ranks unless all pass the same
// text, which says type, length and the like; it names the operation and each rank's text.
void agree_on_shapes(const Communicator& comm, std::string_view operation, std::string_view shape);

// Throws UsageError unless reduce() can combine elements by that reduction.
void check_combines(Reduction reduction);

}  // namespace ranklog::reduce
