// Environment variables through a function, so that tests can bring their own environment.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace ranklog::provenance {

// The value of the variable, or null when it is not set.
using Environment = std::function<const char*(const char* name)>;

// The environment of this process.
[[nodiscard]] const char* process_environment(const char* name);

// The value, safe to store: unprintable bytes escaped, at most max_fact_bytes. Nothing when the
// variable is missing or empty.
[[nodiscard]] std::optional<std::string> read_variable(const Environment& environment,
                                                       const char* name);

// The longest text that a fact may hold; it must fit into an HDF5 attribute.
inline constexpr std::size_t max_fact_bytes = 8192;

}  // namespace ranklog::provenance
