// Images, texts and histograms as Aim's objects (aim/sdk/objects).
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ranklog/media.hpp"
#include "trackers/aim/aim_series.hpp"

namespace ranklog::trackers::aim {

// The value, n_bytes and n_images of a point; its times are the caller's to set.
[[nodiscard]] Point text_point(std::string_view text);
// One image, or a list of images.
[[nodiscard]] Point image_point(const Image& image);
[[nodiscard]] Point images_point(const std::vector<Image>& images);
// Nothing where the bins are not of one width, which is all that Aim knows.
[[nodiscard]] std::optional<Point> histogram_point(const Histogram& histogram);

}  // namespace ranklog::trackers::aim
