// Images as files, for trackers whose vendors know no raw pixels.
#pragma once

#include <string>
#include <string_view>

#include "ranklog/media.hpp"

namespace ranklog::trackers::support {

// A PNG of the pixels, without a filter and lightly compressed: images are logged while a job
// runs. Errors: TrackerUnavailableError where the library was built without libpng, IoError.
[[nodiscard]] std::string encode_png(const Image& image);

// The contents of a file with this image: an encoded image as it is, pixels as PNG.
[[nodiscard]] std::string image_file(const Image& image);
// ".png" or ".jpg".
[[nodiscard]] std::string_view image_extension(const Image& image) noexcept;

}  // namespace ranklog::trackers::support
