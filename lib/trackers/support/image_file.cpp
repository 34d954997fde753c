#include "trackers/support/image_file.hpp"

#include "ranklog/error.hpp"

namespace ranklog::trackers::support {

#ifndef RANKLOG_HAS_PNG
std::string encode_png(const Image&) {
  throw TrackerUnavailableError(
      "this build of ranklog has no libpng (RANKLOG_WITH_PNG); log the bytes of a PNG or JPEG "
      "file instead of pixels");
}
#endif

std::string image_file(const Image& image) {
  return image.format() == ImageFormat::pixels ? encode_png(image) : std::string(image.bytes());
}

std::string_view image_extension(const Image& image) noexcept {
  return image.format() == ImageFormat::jpeg ? ".jpg" : ".png";
}

}  // namespace ranklog::trackers::support
