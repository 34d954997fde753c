#include "trackers/tensorboard/record_framing.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/crc32c.hpp"

namespace ranklog::trackers {
namespace {

constexpr std::size_t length_bytes = 8;
constexpr std::size_t checksum_bytes = 4;

template <class Unsigned>
void store_little_endian(char* at, Unsigned value) {
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
    at[i] = static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  }
}

}  // namespace

void frame_record(std::string_view head, std::string_view tail, std::string& frame) {
  const std::size_t n_payload = head.size() + tail.size();
  frame.resize(length_bytes + checksum_bytes + n_payload + checksum_bytes);
  char* const begin = frame.data();
  char* const payload = begin + length_bytes + checksum_bytes;
  store_little_endian(begin, std::uint64_t{n_payload});
  store_little_endian(begin + length_bytes, mask_crc(crc32c({begin, length_bytes})));
  if (!head.empty()) std::memcpy(payload, head.data(), head.size());
  if (!tail.empty()) std::memcpy(payload + head.size(), tail.data(), tail.size());
  store_little_endian(payload + n_payload, mask_crc(crc32c({payload, n_payload})));
}

}  // namespace ranklog::trackers
