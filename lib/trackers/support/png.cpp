#include "trackers/support/image_file.hpp"

#include <fmt/format.h>
#include <png.h>

#include "ranklog/error.hpp"

namespace ranklog::trackers::support {
namespace {

// libpng's simplified interface: no setjmp, and its errors come back as text.
struct Writer {
  png_image image{};
  Writer() { image.version = PNG_IMAGE_VERSION; }
  ~Writer() { png_image_free(&image); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
};

png_uint_32 format_of(std::int32_t channels) noexcept {
  if (channels == 1) return PNG_FORMAT_GRAY;
  return channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
}

}  // namespace

std::string encode_png(const Image& image) {
  Writer writer;
  writer.image.width = static_cast<png_uint_32>(image.width());
  writer.image.height = static_cast<png_uint_32>(image.height());
  writer.image.format = format_of(image.channels());
  writer.image.flags = PNG_IMAGE_FLAG_FAST;
  const void* pixels = image.bytes().data();
  const png_int_32 row_stride = 0;  // rows follow each other without gaps
  // Enough for any content: the interface can also measure, but by compressing twice.
  std::string out(PNG_IMAGE_PNG_SIZE_MAX(writer.image), '\0');
  png_alloc_size_t n_bytes = out.size();
  if (png_image_write_to_memory(&writer.image, out.data(), &n_bytes, 0, pixels, row_stride,
                                nullptr) == 0) {
    throw IoError(fmt::format("cannot encode an image of {} x {} pixels as PNG: {}", image.width(),
                              image.height(), writer.image.message));
  }
  out.resize(n_bytes);
  return out;
}

}  // namespace ranklog::trackers::support
