// Values as strict JSON. What JSON has no number for becomes the strings "NaN", "Infinity" and
// "-Infinity".
#pragma once

#include <cstdint>
#include <string>

#include "ranklog/config.hpp"

namespace ranklog::trackers {

// Shortest exact form, always with a point or an exponent, so that readers see a real number.
void append_json(std::string& out, double value);
void append_json(std::string& out, std::int64_t value);
void append_json(std::string& out, const ConfigValue& value);
void append_json(std::string& out, const Config& config);

}  // namespace ranklog::trackers
