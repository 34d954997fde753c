// Values as JSON. What JSON has no number for becomes a string ("NaN") in strict JSON, and a bare
// word (NaN), as Python writes and reads it, in the other.
#pragma once

#include <cstdint>
#include <string>

#include "ranklog/config.hpp"

namespace ranklog::trackers {

enum class NonFinite : std::uint8_t { string, bare_word };

// Shortest exact form, always with a point or an exponent, so that readers see a real number.
void append_json(std::string& out, double value, NonFinite style = NonFinite::string);
void append_json(std::string& out, std::int64_t value);
void append_json(std::string& out, const ConfigValue& value, NonFinite style = NonFinite::string);
void append_json(std::string& out, const Config& config, NonFinite style = NonFinite::string);

}  // namespace ranklog::trackers
