// The handwritten digits of data/digits.csv: reading, checking, and the split into training and
// held-out images.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace digits {

inline constexpr std::size_t n_pixels = 64;  // 8 x 8
inline constexpr std::size_t n_classes = 10;
inline constexpr int max_ink = 16;

struct Image {
  std::array<double, n_pixels> pixels{};  // 0 (paper) to 1 (ink)
  std::size_t label = 0;
};

struct Dataset {
  std::vector<Image> training;
  std::vector<Image> held_out;
};

// Takes the next comma-separated whole number off the front of `line`.
inline int take_number(std::string_view& line, int max, const std::string& where) {
  int number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc{} || number < 0 || number > max) {
    throw std::runtime_error(where + ": expected a whole number from 0 to " + std::to_string(max));
  }
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  if (!line.empty() && line.front() == ',') line.remove_prefix(1);
  return number;
}

inline Image parse_image(std::string_view line, const std::string& where) {
  Image image;
  for (double& pixel : image.pixels) {
    pixel = static_cast<double>(take_number(line, max_ink, where)) / max_ink;
  }
  image.label = static_cast<std::size_t>(take_number(line, n_classes - 1, where));
  if (!line.empty()) throw std::runtime_error(where + ": more than 65 numbers on the line");
  return image;
}

// Every fourth image is held out, always the same ones, so that runs can be compared.
inline Dataset load(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    throw std::runtime_error("cannot read " + path +
                             "; give the path of digits.csv with --data or RANKLOG_EXAMPLE_DATA");
  }
  Dataset dataset;
  std::string line;
  for (std::size_t i = 0; std::getline(file, line); ++i) {
    Image image = parse_image(line, path + ":" + std::to_string(i + 1));
    (i % 4 == 0 ? dataset.held_out : dataset.training).push_back(std::move(image));
  }
  if (dataset.training.empty()) throw std::runtime_error(path + ": no images to train on");
  return dataset;
}

}  // namespace digits
