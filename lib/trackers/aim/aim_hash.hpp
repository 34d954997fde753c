// Aim's hashes of steps and contexts, which are keys of its trees (aim/storage/hashing).
#pragma once

#include <cstdint>

#include "ranklog/config.hpp"

namespace ranklog::trackers::aim {

// Equal numbers hash alike, whether whole or not. Of dictionaries the order does not count.
// Errors: TrackerUnavailableError where libsodium cannot compute BLAKE2b.
[[nodiscard]] std::int64_t hash_of(const ConfigValue& value);

}  // namespace ranklog::trackers::aim
