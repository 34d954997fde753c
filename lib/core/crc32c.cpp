#include "core/crc32c.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#include <nmmintrin.h>
#define RANKLOG_HAS_CRC_INSTRUCTION 1
#endif

namespace ranklog {
namespace {

// tables[n][b] is the checksum's change by byte b with n bytes behind it, so that eight bytes take
// eight look-ups that do not wait for each other (M. Kounavis and F. Berry, "A systematic approach
// to building high performance, software-based, CRC generators", 2005).
constexpr std::size_t n_tables = 8;

constexpr std::array<std::array<std::uint32_t, 256>, n_tables> make_tables() {
  constexpr std::uint32_t reflected_polynomial = 0x82f63b78;
  std::array<std::array<std::uint32_t, 256>, n_tables> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1U) != 0 ? (crc >> 1) ^ reflected_polynomial : crc >> 1;
    }
    tables[0][byte] = crc;
  }
  for (std::size_t n = 1; n < n_tables; ++n) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[n - 1][byte];
      tables[n][byte] = (before >> 8) ^ tables[0][before & 0xffU];
    }
  }
  return tables;
}

constexpr auto tables = make_tables();

std::uint32_t with_tables(const char* at, std::size_t n, std::uint32_t crc) noexcept {
  for (; n >= n_tables; n -= n_tables, at += n_tables) {
    std::array<unsigned char, n_tables> bytes{};
    std::memcpy(bytes.data(), at, n_tables);
    for (std::size_t i = 0; i < 4; ++i) {
      bytes[i] = static_cast<unsigned char>(bytes[i] ^ (crc >> (8 * i)));
    }
    crc = 0;
    for (std::size_t i = 0; i < n_tables; ++i) crc ^= tables[n_tables - 1 - i][bytes[i]];
  }
  for (; n > 0; --n, ++at) {
    crc = tables[0][(crc ^ static_cast<unsigned char>(*at)) & 0xffU] ^ (crc >> 8);
  }
  return crc;
}

#ifdef RANKLOG_HAS_CRC_INSTRUCTION
__attribute__((target("sse4.2"))) std::uint32_t with_instruction(const char* at, std::size_t n,
                                                                 std::uint32_t crc) noexcept {
  std::uint64_t wide = crc;
  for (; n >= sizeof wide; n -= sizeof wide, at += sizeof wide) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; n > 0; --n, ++at) crc = _mm_crc32_u8(crc, static_cast<unsigned char>(*at));
  return crc;
}
#endif

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) noexcept {
#ifdef RANKLOG_HAS_CRC_INSTRUCTION
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return ~with_instruction(bytes.data(), bytes.size(), ~before);
#endif
  return crc32c_portable(bytes, before);
}

std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t before) noexcept {
  return ~with_tables(bytes.data(), bytes.size(), ~before);
}

}  // namespace ranklog
