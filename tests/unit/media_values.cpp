// Images, tables, histograms and figures as values: what they accept and what they refuse.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "core/image_header.hpp"
#include "ranklog/error.hpp"
#include "ranklog/media.hpp"
#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"
#include "trackers/support/image_file.hpp"

using namespace ranklog;
using ranklog::test_support::error_of;
using ranklog::test_support::ScratchDirectory;

namespace {

// A JPEG up to its frame header: start, a comment segment, then the frame.
std::string jpeg_head(int width, int height) {
  std::string bytes("\xff\xd8\xff\xfe\x00\x04xy\xff\xc0\x00\x11\x08", 13);
  for (const int side : {height, width}) {
    bytes += static_cast<char>(side >> 8);
    bytes += static_cast<char>(side & 0xff);
  }
  return bytes + "\x03";
}

double total(const Histogram& histogram) {
  return std::accumulate(histogram.counts().begin(), histogram.counts().end(), 0.0);
}

}  // namespace

TEST_CASE("an image keeps a copy of its pixels") {
  std::vector<std::uint8_t> pixels{1, 2, 3, 4, 5, 6};
  const Image image(2, 1, 3, pixels);
  pixels.assign(6, 0);
  CHECK(image.width() == 2);
  CHECK(image.height() == 1);
  CHECK(image.channels() == 3);
  CHECK(image.format() == ImageFormat::pixels);
  CHECK(image.bytes() == "\x01\x02\x03\x04\x05\x06");
}

TEST_CASE("an image whose bytes do not fit its size says how many it needs") {
  const std::vector<std::uint8_t> pixels(5);
  const auto caught = error_of([&] { Image(2, 1, 3, pixels); });
  CHECK(caught.code == ErrorCode::invalid_value);
  CHECK(caught.text.find("has 6 bytes, but 5 were given") != caught.text.npos);
  CHECK(error_of([&] { Image(5, 1, 2, pixels); }).code == ErrorCode::invalid_value);
  CHECK(error_of([&] { Image(0, 5, 1, {}); }).code == ErrorCode::invalid_value);
  CHECK(error_of([&] { Image(-1, -5, 1, pixels); }).code == ErrorCode::invalid_value);
  CHECK(error_of([&] { Image(70000, 1, 1, pixels); }).code == ErrorCode::invalid_value);
}

TEST_CASE("pixels become a PNG whose header has their size, for 1, 3 and 4 channels") {
  for (const std::int32_t channels : {1, 3, 4}) {
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(7 * 5 * channels));
    std::iota(pixels.begin(), pixels.end(), std::uint8_t{0});
    const Image image(7, 5, channels, pixels);
    const std::string file = trackers::support::image_file(image);
    const auto header = read_image_header(file);
    REQUIRE(header);
    CHECK(header->format == ImageFormat::png);
    CHECK(header->width == 7);
    CHECK(header->height == 5);
    CHECK(file.substr(file.size() - 8, 4) == "IEND");
    const Image again = Image::encoded(file);
    CHECK(again.format() == ImageFormat::png);
    CHECK(again.bytes() == file);
    CHECK(trackers::support::image_file(again) == file);
    CHECK(trackers::support::image_extension(again) == ".png");
  }
}

TEST_CASE("the size of a JPEG is found behind other segments") {
  const Image image = Image::encoded(jpeg_head(640, 300));
  CHECK(image.format() == ImageFormat::jpeg);
  CHECK(image.width() == 640);
  CHECK(image.height() == 300);
  CHECK(trackers::support::image_extension(image) == ".jpg");
}

TEST_CASE("every beginning of an image file that is too short is refused, and garbage too") {
  const std::vector<std::uint8_t> pixels(4);
  const std::string png = trackers::support::image_file(Image(2, 2, 1, pixels));
  const std::string jpeg = jpeg_head(64, 64);
  for (std::size_t n = 0; n < 33; ++n) CHECK_FALSE(read_image_header(png.substr(0, n)));
  for (std::size_t n = 0; n + 1 < jpeg.size(); ++n)
    CHECK_FALSE(read_image_header(jpeg.substr(0, n)));
  for (const std::string& bytes :
       {std::string("GIF89a"), std::string("\xff\xd8\xff\xfe\x00\x00zz", 8),
        std::string("\xff\xd8\x00\x00\x00\x00", 6), std::string("\xff\xd8\xff\xff\xff\xff", 6),
        jpeg_head(0, 5), std::string(100, '\0')}) {
    CHECK(error_of([&] { static_cast<void>(Image::encoded(bytes)); }).code ==
          ErrorCode::invalid_value);
  }
}

TEST_CASE("an image is read from a file, and what is no file or no image is named") {
  const ScratchDirectory directory;
  const auto path = directory.path() / "a.jpg";
  std::ofstream(path, std::ios::binary) << jpeg_head(3, 4);
  CHECK(Image::from_file(path).width() == 3);
  std::ofstream(path, std::ios::binary) << "text";
  const auto wrong = error_of([&] { static_cast<void>(Image::from_file(path)); });
  CHECK(wrong.code == ErrorCode::invalid_value);
  CHECK(wrong.text.find("a.jpg") != wrong.text.npos);
  CHECK(error_of([&] { static_cast<void>(Image::from_file(directory.path() / "b")); }).code ==
        ErrorCode::io);
  CHECK(error_of([&] { static_cast<void>(Image::from_file("/dev/zero")); }).code == ErrorCode::io);
}

TEST_CASE("a table takes numbers, texts, truth values and null in rows of the right length") {
  Table table({"name", "label", "score", "is_right", "remark"});
  table.add_row({"7.png", 7, 0.98, true, nullptr}).add_row({"8.png", 8, 0.5, false, "a bit dim"});
  REQUIRE(table.rows().size() == 2);
  CHECK(table.rows()[1][4] == ConfigValue("a bit dim"));
  CHECK(error_of([&] { table.add_row({1, 2}); }).code == ErrorCode::invalid_value);
  CHECK(error_of([&] {
          table.add_row({1, 2, 3, 4, std::vector{5}});
        }).code == ErrorCode::invalid_value);
  CHECK(table.rows().size() == 2);
  CHECK(error_of([&] { Table({}); }).code == ErrorCode::invalid_value);
  CHECK(error_of([&] { Table({"a", "a"}); }).code == ErrorCode::invalid_value);
  CHECK(Table({"a", "b"}, {{1, 2}, {3, 4}}).rows()[1][0] == ConfigValue(3));
}

TEST_CASE("a histogram of values counts each finite value once") {
  const std::vector<double> values{0, 1, 2, 3, 4, 4, INFINITY, NAN, -INFINITY};
  const auto histogram = Histogram::of(values, 4);
  CHECK(histogram.edges() == std::vector<double>{0, 1, 2, 3, 4});
  CHECK(histogram.counts() == std::vector<double>{1, 1, 1, 3});
  CHECK(histogram.n_left_out() == 3);
}

TEST_CASE("a histogram has ascending edges for equal, absent, close and enormous values") {
  const double largest = std::numeric_limits<double>::max();
  const double next = std::nextafter(1.0, 2.0);
  const std::vector<std::vector<double>> cases{
      {}, {3, 3, 3}, {1, next}, {-largest, largest}, {largest}, {1e300}, {5e-324, 0}};
  for (const auto& values : cases) {
    for (const std::size_t n_bins : {std::size_t{1}, std::size_t{512}}) {
      const auto histogram = Histogram::of(values, n_bins);
      CHECK(histogram.counts().size() == n_bins);
      CHECK(total(histogram) == static_cast<double>(values.size()));
      for (const double value : values) {
        CHECK(histogram.edges().front() <= value);
        CHECK(histogram.edges().back() >= value);
      }
    }
  }
}

TEST_CASE("a histogram of given counts must fit together") {
  CHECK(Histogram({0, 1, 10}, {5, 0}).counts()[0] == 5);
  for (const auto& [edges, counts] :
       std::vector<std::pair<std::vector<double>, std::vector<double>>>{{{0, 1}, {}},
                                                                        {{0, 1}, {1, 1}},
                                                                        {{0, 0}, {1}},
                                                                        {{0, NAN}, {1}},
                                                                        {{0, 1}, {-1}},
                                                                        {{0, 1}, {INFINITY}},
                                                                        {{}, {}}}) {
    CHECK(error_of([&] { Histogram(edges, counts); }).code == ErrorCode::invalid_value);
  }
  CHECK(error_of([] { static_cast<void>(Histogram::of({}, 0)); }).code == ErrorCode::invalid_value);
}

TEST_CASE("a figure's file name stays below where figures are kept") {
  CHECK(Figure("plots/roc.svg", "<svg/>").file_name == "plots/roc.svg");
  for (const char* name : {"", "/etc/passwd", "../x.svg", "a/../../x.svg", "a//b", "a\nb", "."}) {
    CHECK(error_of([&] { Figure(name, ""); }).code == ErrorCode::invalid_name);
  }
}
