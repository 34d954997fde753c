// Numbers and strings as bytes, and bytes that are not what they should be.
#include "reduce/wire.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "support/error_of.hpp"

using ranklog::Bytes;
using ranklog::ErrorCode;
using ranklog::reduce::WireReader;
using ranklog::reduce::WireWriter;
using ranklog::test_support::error_of;

TEST_CASE("what is written is read back") {
  WireWriter out;
  out.put(std::uint8_t{7});
  out.put(-1.5);
  out.put_text(std::string("a\0b", 3));
  out.put_text("");
  out.put_array(std::span<const double>(std::vector{1.0, 2.0}));
  out.put_array(std::span<const std::int64_t>());
  CHECK(out.size() == 1 + 8 + (4 + 3) + 4 + (4 + 16) + 4);
  const Bytes bytes = out.take();

  WireReader in(bytes, "the test");
  CHECK(in.get<std::uint8_t>() == 7);
  CHECK(in.get<double>() == -1.5);
  CHECK(in.get_text() == std::string("a\0b", 3));
  CHECK(in.get_text().empty());
  CHECK(in.get_array<double>() == std::vector{1.0, 2.0});
  CHECK_FALSE(in.is_at_end());
  CHECK(in.get_array<std::int64_t>().empty());
  CHECK(in.is_at_end());
}

TEST_CASE("bytes that end too early are refused by name") {
  const Bytes bytes(7);
  WireReader in(bytes, "the test");
  const auto thrown = error_of([&] { (void)in.get<double>(); });
  CHECK(thrown.code == ErrorCode::communication);
  CHECK(thrown.says("the test cannot be read"));
  CHECK(thrown.says("same version of ranklog"));
}

TEST_CASE("a length beyond the message is refused before anything is allocated") {
  WireWriter out;
  out.put(std::uint32_t{0xFFFFFFFF});
  out.put(std::uint8_t{0});
  const Bytes bytes = out.take();
  CHECK(error_of([&] { (void)WireReader(bytes, "x").get_text(); }).code ==
        ErrorCode::communication);
  CHECK(error_of([&] { (void)WireReader(bytes, "x").get_array<double>(); }).code ==
        ErrorCode::communication);
  CHECK(error_of([&] { (void)WireReader(bytes, "x").get_count(1000); }).code ==
        ErrorCode::communication);
}
