// CRC-32C (Castagnoli), as TFRecord files and the journal of a run file use it.
#pragma once

#include <cstdint>
#include <string_view>

namespace ranklog {

// The checksum of `bytes`, or of what had the checksum `before` with `bytes` behind it. Uses the
// processor's instruction where there is one.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0) noexcept;
// The same without it.
[[nodiscard]] std::uint32_t crc32c_portable(std::string_view bytes,
                                            std::uint32_t before = 0) noexcept;

// The checksum of data that may itself hold checksums (TFRecord's "masked" form).
[[nodiscard]] constexpr std::uint32_t mask_crc(std::uint32_t crc) noexcept {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

}  // namespace ranklog
