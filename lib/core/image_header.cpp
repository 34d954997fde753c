#include "core/image_header.hpp"

#include <cstddef>

namespace ranklog {
namespace {

constexpr std::string_view png_signature("\x89PNG\r\n\x1a\n", 8);

std::uint32_t byte_at(std::string_view bytes, std::size_t at) noexcept {
  return static_cast<unsigned char>(bytes[at]);
}

std::uint32_t big_endian_16(std::string_view bytes, std::size_t at) noexcept {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

std::uint32_t big_endian_32(std::string_view bytes, std::size_t at) noexcept {
  return big_endian_16(bytes, at) << 16 | big_endian_16(bytes, at + 2);
}

std::optional<ImageHeader> read_png(std::string_view bytes) noexcept {
  // Signature, then the chunk IHDR: length, type, width, height, five bytes, checksum.
  constexpr std::size_t n_needed = 33;
  if (bytes.size() < n_needed || big_endian_32(bytes, 8) != 13 || bytes.substr(12, 4) != "IHDR")
    return std::nullopt;
  return ImageHeader{ImageFormat::png, big_endian_32(bytes, 16), big_endian_32(bytes, 20)};
}

bool begins_frame(std::uint32_t marker) noexcept {
  const bool is_in_range = marker >= 0xc0 && marker <= 0xcf;
  return is_in_range && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;  // DHT, JPG, DAC
}

std::optional<ImageHeader> read_jpeg(std::string_view bytes) noexcept {
  std::size_t at = 2;
  while (at + 4 <= bytes.size()) {
    if (byte_at(bytes, at) != 0xff) return std::nullopt;
    const std::uint32_t marker = byte_at(bytes, at + 1);
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    const std::size_t length = big_endian_16(bytes, at + 2);
    // Markers without a length (restart, start, end) do not stand before the frame.
    if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xda) || length < 2) return std::nullopt;
    if (begins_frame(marker)) {
      if (length < 8 || at + 9 > bytes.size()) return std::nullopt;
      return ImageHeader{ImageFormat::jpeg, big_endian_16(bytes, at + 7),
                         big_endian_16(bytes, at + 5)};
    }
    at += 2 + length;
  }
  return std::nullopt;
}

}  // namespace

std::optional<ImageHeader> read_image_header(std::string_view bytes) noexcept {
  std::optional<ImageHeader> header;
  if (bytes.starts_with(png_signature)) header = read_png(bytes);
  if (bytes.starts_with("\xff\xd8")) header = read_jpeg(bytes);
  if (header && (header->width == 0 || header->height == 0)) return std::nullopt;
  return header;
}

}  // namespace ranklog
