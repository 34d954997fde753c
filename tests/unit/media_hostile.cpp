// Headers of images that somebody else wrote: what reads them must refuse damage and, under the
// sanitizers, not read too far.
#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/image_header.hpp"
#include "support/damage.hpp"
#include "trackers/support/image_file.hpp"

using namespace ranklog;
using namespace ranklog::test_support;

TEST_CASE("damaged image headers are refused or have sides of at least one pixel") {
  std::mt19937 random(1);
  const std::vector<std::uint8_t> pixels(48);
  const std::vector<std::string> whole{
      trackers::support::image_file(Image(4, 4, 3, pixels)),
      std::string(
          "\xff\xd8\xff\xfe\x00\x04xy\xff\xe0\x00\x02\xff\xff\xc2\x00\x11\x08\x00\x05\x00\x06\x03",
          24)};
  for (const auto& bytes : whole) REQUIRE(read_image_header(bytes));
  for (int i = 0; i < 20000; ++i) {
    const auto header = read_image_header(damaged(whole[below(random, whole.size())], random));
    if (header) CHECK((header->width > 0 && header->height > 0));
  }
}
