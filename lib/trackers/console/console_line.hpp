// How the console tracker shows one metric and lays a row of them out in 80 columns.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "ranklog/record.hpp"

namespace ranklog::trackers {

// `train/loss 0.3211 [0.2980 r3 .. 0.3554 r1]`: for means, with the range where ranks differ.
[[nodiscard]] std::string console_metric(const Metric& metric);

// `step 120  <metric>  <metric>`, ending in a newline. A metric that does not fit goes to a new
// line, indented; none is broken.
[[nodiscard]] std::string console_lines(std::int64_t step, std::span<const std::string> metrics);

}  // namespace ranklog::trackers
