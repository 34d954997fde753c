// TFRecord framing, with the vectors of RFC 3720 (B.4) and of TensorFlow's own tests.
#include <doctest/doctest.h>

#include <cstdint>
#include <string>

#include "core/crc32c.hpp"
#include "trackers/tensorboard/record_framing.hpp"

namespace {

using ranklog::crc32c;
using ranklog::mask_crc;
using ranklog::trackers::frame_record;

std::uint32_t little_endian(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

}  // namespace

TEST_CASE("crc32c gives the published values") {
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xe3069283);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aa);
}

TEST_CASE(
    "crc32c is the same with and without the processor's instruction, in parts and as a whole") {
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += static_cast<char>(37 * i + 11);
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    const std::string_view part(bytes.data(), n);
    CHECK(crc32c(part) == ranklog::crc32c_portable(part));
    CHECK(ranklog::crc32c_portable(part.substr(n / 3), crc32c(part.substr(0, n / 3))) ==
          crc32c(part));
  }
  CHECK(ranklog::crc32c_portable("123456789") == 0xe3069283);
}

TEST_CASE("a checksum is masked as TFRecord does") {
  CHECK(mask_crc(crc32c("\x1a\x11"
                        "CRC test, one two")) == 0x5794d08a);
}

TEST_CASE("a framed record has its length, both checksums and the payload between them") {
  const std::string payload(
      "\x09\x00\x00\x80\x38\x99\xd6\xd7\x41\x1a\x0d"
      "brain.Event:2",
      24);
  std::string frame = "left over";
  frame_record(payload.substr(0, 5), payload.substr(5), frame);
  REQUIRE(frame.size() == 8 + 4 + 24 + 4);
  CHECK(frame.substr(0, 8) == std::string("\x18\0\0\0\0\0\0\0", 8));
  CHECK(little_endian(frame, 8) == 0x224b7fa3);
  CHECK(frame.substr(12, 24) == payload);
  CHECK(little_endian(frame, 36) == 0xab364b12);
}
