#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "tools/ranklog/sparkline.hpp"

using ranklog::tool::Charset;
using ranklog::tool::sparkline;

namespace {

const double nan_value = std::numeric_limits<double>::quiet_NaN();
const double infinity = std::numeric_limits<double>::infinity();

std::vector<std::int64_t> steps(std::size_t n) {
  std::vector<std::int64_t> step(n);
  std::iota(step.begin(), step.end(), 0);
  return step;
}

std::string draw(const std::vector<double>& value, std::size_t width,
                 Charset charset = Charset::utf8) {
  return sparkline(steps(value.size()), value, width, charset);
}

}  // namespace

TEST_CASE("a rising curve climbs from the lowest to the highest block") {
  CHECK(draw({1, 2, 3, 4, 5, 6, 7, 8}, 8) == "▁▂▃▄▅▆▇█");
  CHECK(draw({1, 2, 3, 4, 5, 6, 7, 8}, 8, Charset::ascii) == ".:-=+*#@");
}

TEST_CASE("fewer rows than cells take one cell each") { CHECK(draw({0, 1}, 8) == "▁█"); }

TEST_CASE("more rows than cells are averaged") { CHECK(draw({0, 0, 4, 4}, 2) == "▁█"); }

TEST_CASE("cells are shares of the steps, and a share without rows is blank") {
  const std::vector<std::int64_t> step{0, 1, 2, 90, 99};
  const std::vector<double> value{0, 0, 0, 1, 1};
  CHECK(sparkline(step, value, 4, Charset::utf8) == "▁  █");
}

TEST_CASE("a constant curve is flat and of middle height") {
  CHECK(draw({5, 5, 5}, 8) == "▄▄▄");
  CHECK(draw({0}, 8) == "▄");
}

TEST_CASE("a NaN is marked even among many numbers") {
  CHECK(draw({0, nan_value, 1}, 3) == "▁×█");
  CHECK(draw({0, 0, nan_value, 0, 1, 1, 1, 1}, 2) == "×▄");
  CHECK(draw({nan_value, nan_value}, 8, Charset::ascii) == "xx");
}

TEST_CASE("infinities take the outer levels and do not flatten the rest") {
  CHECK(draw({-infinity, 1, 2, infinity}, 8) == "▁▁██");
}

TEST_CASE("infinities of both signs in one cell are marked like a NaN") {
  CHECK(draw({infinity, -infinity, 1, 1}, 2) == "×▄");
}

TEST_CASE("extreme values and steps do not overflow") {
  const double largest = std::numeric_limits<double>::max();
  CHECK(draw({-largest, largest}, 8) == "▁█");
  const std::vector<std::int64_t> step{std::numeric_limits<std::int64_t>::min(), 0,
                                       std::numeric_limits<std::int64_t>::max()};
  const std::vector<double> value{0, 1, 1};
  CHECK(sparkline(step, value, 2, Charset::utf8) == "▁█");
}

TEST_CASE("nothing to draw gives an empty line") {
  CHECK(draw({}, 8).empty());
  CHECK(draw({1, 2}, 0).empty());
}
