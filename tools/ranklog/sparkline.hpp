// A curve in one line of text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "tools/ranklog/display_text.hpp"

namespace ranklog::tool {

// `value` over `step` in at most `width` cells, the lowest level for the smallest mean of a cell
// and the highest for the largest. With more rows than cells a cell is the mean of the rows of its
// share of the steps; a share without rows is blank. A cell that holds a NaN shows it, by `×` or
// `x`. `step` ascends and is as long as `value`. Complexity: O(rows).
[[nodiscard]] std::string sparkline(std::span<const std::int64_t> step,
                                    std::span<const double> value, std::size_t width,
                                    Charset charset);

}  // namespace ranklog::tool
