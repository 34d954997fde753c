#include <fmt/format.h>

#include <utility>

#include "core/file_bytes.hpp"
#include "core/image_header.hpp"
#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "ranklog/media.hpp"

namespace ranklog {

struct Image::Data {
  ImageFormat format = ImageFormat::pixels;
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::int32_t channels = 0;
  std::string bytes;
};

Image::Image(std::int32_t width, std::int32_t height, std::int32_t channels,
             std::span<const std::uint8_t> pixels) {
  if (width < 1 || height < 1 || width > max_side || height > max_side) {
    throw InvalidValueError(fmt::format("an image of {} x {} pixels: both sides must be 1 to {}",
                                        width, height, max_side));
  }
  if (channels != 1 && channels != 3 && channels != 4) {
    throw InvalidValueError(
        fmt::format("an image with {} channels: give 1 (grey), 3 (RGB) or 4 (RGBA)", channels));
  }
  const auto n_expected = std::size_t{static_cast<std::uint32_t>(width)} *
                          static_cast<std::uint32_t>(height) * static_cast<std::uint32_t>(channels);
  if (pixels.size() != n_expected) {
    throw InvalidValueError(
        fmt::format("an image of {} x {} pixels with {} channels has {} bytes, but {} were given",
                    width, height, channels, n_expected, pixels.size()));
  }
  std::string bytes(reinterpret_cast<const char*>(pixels.data()), pixels.size());
  data_ = std::make_shared<const Data>(
      Data{ImageFormat::pixels, width, height, channels, std::move(bytes)});
}

Image::Image(std::shared_ptr<const Data> data) noexcept : data_(std::move(data)) {}

Image Image::encoded(std::string_view bytes) {
  const auto header = read_image_header(bytes);
  if (!header || header->width > max_side || header->height > max_side) {
    throw InvalidValueError(fmt::format(
        "{} bytes were given as an encoded image, but do not begin as a PNG or JPEG file with "
        "sides of 1 to {} pixels",
        bytes.size(), max_side));
  }
  return Image(std::make_shared<const Data>(
      Data{header->format, static_cast<std::int32_t>(header->width),
           static_cast<std::int32_t>(header->height), 0, std::string(bytes)}));
}

Image Image::from_file(const std::filesystem::path& path) {
  const std::string bytes = read_whole_file(path);
  try {
    return encoded(bytes);
  } catch (const InvalidValueError& error) {
    throw InvalidValueError(
        fmt::format("image '{}': {}", escape_unprintable(path.string()), error.what()));
  }
}

std::int32_t Image::width() const noexcept { return data_->width; }
std::int32_t Image::height() const noexcept { return data_->height; }
std::int32_t Image::channels() const noexcept { return data_->channels; }
ImageFormat Image::format() const noexcept { return data_->format; }
std::string_view Image::bytes() const noexcept { return data_->bytes; }

}  // namespace ranklog
