// Dictionaries: what a value is taken for, and what a Dict keeps.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "ranklog/value.hpp"
#include "support/error_of.hpp"

using ranklog::Dict;
using ranklog::ErrorCode;
using ranklog::Item;
using ranklog::Reduction;
using ranklog::Value;
using ranklog::Values;
using ranklog::test_support::error_of;
using Tag = ranklog::Value::Tag;

namespace {

const Value& only_value(const Dict& dict) {
  REQUIRE(dict.size() == 1);
  return dict.items()[0].value;
}

}  // namespace

TEST_CASE("each C++ type becomes the value that it looks like") {
  CHECK(Value(1.5F).tag() == Tag::real);
  CHECK(Value(1.5).real() == 1.5);
  CHECK(Value(static_cast<long double>(0.25)).real() == 0.25);
  CHECK(Value(7).tag() == Tag::integer);
  CHECK(Value(std::int8_t{-7}).integer() == -7);
  CHECK(Value(std::uint16_t{65535}).integer() == 65535);
  CHECK(Value(7U).integer() == 7);
  CHECK(Value(true).tag() == Tag::boolean);
  CHECK(Value(true).integer() == 1);
  CHECK(Value("text").tag() == Tag::text);
  CHECK(Value(std::string("text")).text() == "text");
  CHECK(Value(std::vector<float>{1}).tag() == Tag::numbers);
  CHECK(Value({{"a", 1}}).tag() == Tag::nested);
}

TEST_CASE("the ends of the integers arrive exactly") {
  CHECK(Value(std::numeric_limits<std::int64_t>::min()).integer() ==
        std::numeric_limits<std::int64_t>::min());
  CHECK(Value(std::uint64_t{INT64_MAX}).integer() == INT64_MAX);
  const auto thrown = error_of([] { (void)Value(static_cast<std::uint64_t>(INT64_MAX) + 1); });
  CHECK(thrown.code == ErrorCode::invalid_value);
  CHECK(thrown.says("9223372036854775808"));
  CHECK(thrown.says("double"));
}

TEST_CASE("spans widen their elements when they are read") {
  const std::vector<float> f32{0.5F, -2};
  const std::vector<std::int32_t> i32{-1, 2147483647};
  const std::vector<std::int64_t> i64{INT64_MIN, INT64_MAX};
  CHECK(Value(f32).numbers().real(1) == -2.0);
  CHECK_FALSE(Value(f32).numbers().is_integer());
  CHECK(Value(i32).numbers().integer(1) == 2147483647);
  CHECK(Value(i64).numbers().integer(0) == INT64_MIN);
  CHECK(Value(i64).numbers().is_integer());
  CHECK(Value(std::span<const float>()).numbers().n == 0);
}

TEST_CASE("a named reduction and a weight mark a copy, not the value") {
  const Value plain(2.0);
  CHECK_FALSE(plain.reduction().has_value());
  CHECK(plain.weight() == 1);
  CHECK(ranklog::sum(plain).reduction() == Reduction::sum);
  CHECK(ranklog::mean(plain, 32).weight() == 32);
  CHECK(ranklog::mean(plain, 32).reduction() == Reduction::mean);
  CHECK(ranklog::gather(ranklog::sum(plain)).reduction() == Reduction::gather);
  CHECK_FALSE(plain.reduction().has_value());
  for (const auto& [marked, reduction] :
       std::vector<std::pair<Value, Reduction>>{{ranklog::min(plain), Reduction::min},
                                                {ranklog::max(plain), Reduction::max},
                                                {ranklog::std(plain), Reduction::std},
                                                {ranklog::any(plain), Reduction::any},
                                                {ranklog::all(plain), Reduction::all},
                                                {ranklog::first(plain), Reduction::first},
                                                {ranklog::last(plain), Reduction::last}}) {
    CHECK(marked.reduction() == reduction);
  }
}

TEST_CASE("a braced list keeps order, nesting and duplicates for the callee to judge") {
  const auto check = [](const Values& values) {
    REQUIRE(values.items().size() == 3);
    CHECK(values.items()[0].key == "a");
    CHECK(values.items()[2].key == "a");
    const auto nested = values.items()[1].value.nested();
    REQUIRE(nested.size() == 2);
    CHECK(nested[0].value.nested()[0].value.integer() == 3);
    CHECK(nested[1].value.text() == "deep");
  };
  check({{"a", 1.0}, {"b", {{"c", {{"d", 3}}}, {"e", "deep"}}}, {"a", 2.0}});
}

TEST_CASE("a Dict keeps its own copy of everything it is given") {
  Dict dict;
  {
    std::string key = "key";
    std::string text(1000, 'x');
    std::vector<float> numbers{1, 2, 3};
    const std::vector<std::int32_t> integers{4, 5};
    Dict inner;
    inner.set("deep", text);
    dict.set(key, text).set("numbers", numbers).set("integers", ranklog::sum(integers));
    dict.set("inner", inner);
    key = "changed";
    text.assign(1000, 'y');
    numbers.assign(3, 0);
  }
  REQUIRE(dict.size() == 4);
  CHECK(dict.items()[0].key == "key");
  CHECK(dict.items()[0].value.text() == std::string(1000, 'x'));
  CHECK(dict.items()[1].value.numbers().real(2) == 3.0);
  CHECK(dict.items()[2].value.numbers().integer(1) == 5);
  CHECK(dict.items()[2].value.reduction() == Reduction::sum);
  CHECK(dict.items()[3].value.nested()[0].value.text() == std::string(1000, 'x'));
}

TEST_CASE("setting a key again replaces its value in its place") {
  Dict dict;
  dict.set("a", 1.0).set("b", 2.0).set("a", "now text");
  REQUIRE(dict.size() == 2);
  CHECK(dict.items()[0].key == "a");
  CHECK(dict.items()[0].value.text() == "now text");
  CHECK(dict.items()[1].value.real() == 2.0);
  CHECK(dict.contains("a"));
  CHECK_FALSE(dict.contains("c"));
}

TEST_CASE("a Dict survives being set from its own contents") {
  Dict dict;
  dict.set("text", std::string(100, 'x'));
  dict.set("text", dict.items()[0].value);
  CHECK(only_value(dict).text() == std::string(100, 'x'));
  dict.set("text", Value(dict));
  CHECK(only_value(dict).nested()[0].value.text() == std::string(100, 'x'));
}

TEST_CASE("a Dict grows to 10,000 keys and finds each") {
  Dict dict;
  for (int i = 0; i < 10000; ++i) dict.set("layer/" + std::to_string(i), i);
  CHECK(dict.size() == 10000);
  CHECK(dict.items()[9999].value.integer() == 9999);
  CHECK(dict.contains("layer/5000"));
  CHECK(Values(dict).items().data() == dict.items().data());
}

TEST_CASE("copies of a Dict are independent, and a moved-from one can be used again") {
  Dict original;
  original.set("a", ranklog::mean(1.0, 5)).set("b", std::vector{1.0, 2.0});
  Dict copy = original;
  copy.set("a", 2.0);
  CHECK(original.items()[0].value.real() == 1.0);
  CHECK(original.items()[0].value.weight() == 5);

  auto& same = copy;
  copy = same;
  CHECK(copy.size() == 2);
  Dict moved = std::move(original);
  CHECK(moved.items()[1].value.numbers().real(1) == 2.0);
  CHECK(original.empty());  // NOLINT: that is the point
  original.set("again", 1);
  CHECK(original.contains("again"));
  copy = Dict();
  CHECK(copy.empty());
  CHECK(copy.items().empty());
}

TEST_CASE("dictionaries nest as deep as one likes") {
  Dict dict;
  dict.set("leaf", 1);
  for (int depth = 0; depth < 200; ++depth) {
    Dict outer;
    outer.set("d", dict);
    dict = std::move(outer);
  }
  const Value* value = &only_value(dict);
  for (int depth = 1; depth < 200; ++depth) value = &value->nested()[0].value;
  CHECK(value->nested()[0].value.integer() == 1);
}
