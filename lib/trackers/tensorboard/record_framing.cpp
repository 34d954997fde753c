#include "trackers/tensorboard/record_framing.hpp"

#include <cstddef>
#include <cstdint>

#include "core/crc32c.hpp"

namespace ranklog::trackers {
namespace {

template <class Unsigned>
void append_little_endian(std::string& out, Unsigned value) {
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
    out += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  }
}

}  // namespace

void frame_record(std::string_view payload, std::string& frame) {
  frame.clear();
  append_little_endian(frame, std::uint64_t{payload.size()});
  append_little_endian(frame, mask_crc(crc32c(frame)));
  frame += payload;
  append_little_endian(frame, mask_crc(crc32c(payload)));
}

}  // namespace ranklog::trackers
