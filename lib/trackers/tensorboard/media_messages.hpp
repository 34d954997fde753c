// Images, tables and histograms as TensorBoard's messages.
#pragma once

#include <string_view>
#include <vector>

#include "ranklog/media.hpp"
#include "trackers/tensorboard/event_messages.hpp"

namespace ranklog::trackers {

// One tag with several images, as tensorboard/plugins/image/summary_v2.py: width, height, files.
// Images of another size than the first are shown all the same. Errors: as support::image_file.
void add_images(Event& event, std::string_view tag, const std::vector<Image>& images);
// Rows of left edge, right edge and count (plugins/histogram/summary_v2.py).
void add_histogram(Event& event, std::string_view tag, const Histogram& histogram);
// A text of two dimensions, which TensorBoard shows as a table: the columns' names, then the rows.
void add_table(Event& event, std::string_view tag, const Table& table);

}  // namespace ranklog::trackers
