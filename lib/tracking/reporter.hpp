// Lines of ranklog's own on stderr: few, each with the same beginning.
#pragma once

#include <string_view>

namespace ranklog::tracking {

// Writes "ranklog: <text>" and a newline with one call. Thread safety: any.
void report(std::string_view text);

}  // namespace ranklog::tracking
