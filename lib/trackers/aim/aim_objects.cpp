#include "trackers/aim/aim_objects.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <string>

#include "trackers/support/image_file.hpp"

namespace ranklog::trackers::aim {
namespace {

// An image with the bytes of its file, shared by the copies of a point.
struct ImageFile {
  explicit ImageFile(const Image& image)
      : bytes(support::image_file(image)),
        format(support::image_extension(image) == ".png" ? "png" : "jpeg"),
        mode(mode_of(image.channels())),
        width(image.width()),
        height(image.height()) {}

  // Pillow's names. What an encoded image holds is in its file.
  static const char* mode_of(std::int32_t channels) noexcept {
    if (channels == 1) return "L";
    return channels == 4 ? "RGBA" : "RGB";
  }

  void write(TreeWriter& writer) const {
    writer.custom(image_type);
    const auto member = [&](std::string_view name, const auto& put) {
      writer.enter(name);
      put();
      writer.leave();
    };
    member("data", [&] { writer.bytes_blob(bytes); });
    member("source", [&] { writer.text("ranklog"); });
    member("mode", [&] { writer.text(mode); });
    member("format", [&] { writer.text(format); });
    member("width", [&] { writer.integer(width); });
    member("height", [&] { writer.integer(height); });
    member("caption", [&] { writer.text(""); });
  }

  std::string bytes;
  const char* format;
  const char* mode;
  std::int64_t width;
  std::int64_t height;
};

}  // namespace

Point text_point(std::string_view text) {
  Point point;
  point.value = [copy = std::string(text)](TreeWriter& writer) {
    writer.custom(text_type);
    writer.enter("data");
    writer.text_blob(copy);
    writer.leave();
  };
  point.n_bytes = text.size();
  return point;
}

Point image_point(const Image& image) {
  const auto file = std::make_shared<const ImageFile>(image);
  Point point;
  point.value = [file](TreeWriter& writer) { file->write(writer); };
  point.n_bytes = file->bytes.size();
  return point;
}

Point images_point(const std::vector<Image>& images) {
  auto files = std::make_shared<std::vector<ImageFile>>();
  Point point;
  for (const auto& image : images) {
    files->emplace_back(image);
    point.n_bytes += files->back().bytes.size();
  }
  point.n_images = static_cast<std::int64_t>(images.size());
  point.value = [files](TreeWriter& writer) {
    writer.array();
    for (std::size_t i = 0; i < files->size(); ++i) {
      writer.enter(static_cast<std::int64_t>(i));
      (*files)[i].write(writer);
      writer.leave();
    }
  };
  return point;
}

std::optional<Point> histogram_point(const Histogram& histogram) {
  constexpr double tolerance = 1e-6;  // of a bin's width
  const auto& edges = histogram.edges();
  const std::size_t n_bins = histogram.counts().size();
  const double width = (edges.back() - edges.front()) / static_cast<double>(n_bins);
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    if (!(std::fabs(edges[i + 1] - edges[i] - width) <= tolerance * width)) return std::nullopt;
  }
  std::string counts;
  for (const double count : histogram.counts()) {
    const auto bits = std::bit_cast<std::uint64_t>(count);
    for (int i = 0; i < 8; ++i) counts += static_cast<char>(bits >> (8 * i) & 0xFFU);
  }
  Point point;
  point.n_bytes = counts.size();
  point.value = [counts, first = edges.front(), last = edges.back(), n_bins](TreeWriter& writer) {
    writer.custom(histogram_type);
    writer.enter("data");
    writer.bytes_blob(counts);
    writer.leave();
    writer.enter("dtype");
    writer.text("float64");
    writer.leave();
    writer.enter("range");
    writer.value(std::vector<double>{first, last});
    writer.leave();
    writer.enter("bin_count");
    writer.integer(static_cast<std::int64_t>(n_bins));
    writer.leave();
  };
  return point;
}

}  // namespace ranklog::trackers::aim
