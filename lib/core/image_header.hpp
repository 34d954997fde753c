// Format and size of an image file, from its first bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ranklog/media.hpp"

namespace ranklog {

struct ImageHeader {
  ImageFormat format = ImageFormat::png;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

// Nothing if the bytes begin neither a PNG (specification, 5.2 and 11.2.1) nor a JPEG (ITU-T T.81,
// B.1 and B.2.2) whose size can be found. Reads no further than the frame header.
[[nodiscard]] std::optional<ImageHeader> read_image_header(std::string_view bytes) noexcept;

}  // namespace ranklog
