#include "provenance/environment.hpp"

#include <cstdlib>

#include "core/text.hpp"

namespace ranklog::provenance {

const char* process_environment(const char* name) { return std::getenv(name); }

std::optional<std::string> read_variable(const Environment& environment, const char* name) {
  const char* value = environment(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return escape_unprintable(value, max_fact_bytes);
}

}  // namespace ranklog::provenance
