// What is logged beside numbers and text: images, tables, histograms, figures and files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/config.hpp"

namespace ranklog {

enum class ImageFormat : std::uint8_t { pixels, png, jpeg };

// A picture: pixels, or the bytes of a PNG or JPEG file. Copies what it is made from; copies of
// an Image share that. Immutable, so any thread may read it.
class Image {
 public:
  static constexpr std::int32_t max_side = 65535;

  // Pixels row by row from the top left, `channels` bytes each: 1 grey, 3 RGB, 4 RGBA.
  // Errors: InvalidValueError unless there are width * height * channels bytes and both sides are
  // 1 to max_side.
  Image(std::int32_t width, std::int32_t height, std::int32_t channels,
        std::span<const std::uint8_t> pixels);
  // The bytes of a PNG or JPEG file, which trackers pass on as they are.
  // Errors: InvalidValueError if the header is of neither format or damaged.
  static Image encoded(std::string_view bytes);
  // Reads such a file. Errors: IoError, InvalidValueError.
  static Image from_file(const std::filesystem::path& path);

  [[nodiscard]] std::int32_t width() const noexcept;
  [[nodiscard]] std::int32_t height() const noexcept;
  // Of pixels; 0 for an encoded image.
  [[nodiscard]] std::int32_t channels() const noexcept;
  [[nodiscard]] ImageFormat format() const noexcept;
  // Pixels or file contents, depending on format().
  [[nodiscard]] std::string_view bytes() const noexcept;

 private:
  struct Data;
  explicit Image(std::shared_ptr<const Data> data) noexcept;
  std::shared_ptr<const Data> data_;
};

// The images of one key at one step.
struct ImageItem {
  ImageItem(std::string item_name, Image image)
      : name(std::move(item_name)), images{std::move(image)} {}
  ImageItem(std::string item_name, std::vector<Image> item_images)
      : name(std::move(item_name)), images(std::move(item_images)) {}
  std::string name;
  std::vector<Image> images;
};

// Named columns and rows of numbers, truth values, texts or null.
//   Table table({"image", "label", "score"}); table.add_row({"7.png", 7, 0.98});
class Table {
 public:
  using Row = std::vector<ConfigValue>;

  // Errors: InvalidValueError for no column, an empty or repeated name, and as add_row().
  explicit Table(std::vector<std::string> columns, std::vector<Row> rows = {});
  // Errors: InvalidValueError for another number of values than columns, a list or a dictionary.
  Table& add_row(Row row);

  [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }
  [[nodiscard]] const std::vector<Row>& rows() const noexcept { return rows_; }

 private:
  std::vector<std::string> columns_;
  std::vector<Row> rows_;
};

// Counts of values between edges. Build it from values, or from counts over fixed edges that the
// ranks have summed themselves (accelerator.reduce).
class Histogram {
 public:
  // `edges` ascend and are one more than `counts`; counts are finite and not negative.
  // Errors: InvalidValueError.
  Histogram(std::vector<double> edges, std::vector<double> counts);
  // Equally wide bins from the smallest to the largest finite value, the last one closed; equal
  // values lie in the middle of a range of width 1, wider for values above 1e9. NaN and
  // infinities are left out and counted.
  // Errors: InvalidValueError for n_bins outside 1 to 512.
  static Histogram of(std::span<const double> values, std::size_t n_bins = 64);

  [[nodiscard]] const std::vector<double>& edges() const noexcept { return edges_; }
  [[nodiscard]] const std::vector<double>& counts() const noexcept { return counts_; }
  [[nodiscard]] std::int64_t n_left_out() const noexcept { return n_left_out_; }

 private:
  std::vector<double> edges_;
  std::vector<double> counts_;
  std::int64_t n_left_out_ = 0;
};

// A plot that another library made, as the bytes of a file: PNG, SVG, HTML, ...
struct Figure {
  // `file_name` tells the format by its extension and may have folders: "plots/roc.svg".
  // Errors: InvalidNameError if it is not a relative path without `..`.
  Figure(std::string name_of_file, std::string contents);
  // Under the file's own name. Errors: IoError.
  static Figure from_file(const std::filesystem::path& path);
  std::string file_name;
  std::string bytes;
};

// A file or folder to keep with the run.
struct Artifact {
  std::filesystem::path path;
  std::string artifact_path;  // folder below the run's artifacts; empty: their top
};

// When a piece of media was logged.
struct MediaTime {
  std::optional<std::int64_t> step;  // as the caller gave it
  std::int64_t row_step = 0;         // `step`, or how often the key was logged before without one
  double time = 0;                   // seconds since the Unix epoch
};

}  // namespace ranklog
