// Hyper-parameters: order, types, nesting, text.
#include "ranklog/config.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "support/error_of.hpp"

using namespace std::string_view_literals;
using ranklog::Config;
using ranklog::ConfigValue;
using ranklog::ErrorCode;
using ranklog::flatten;
using ranklog::to_text;
using ranklog::test_support::error_of;

TEST_CASE("a braced configuration keeps order and types") {
  const Config config{{"lr", 1e-2},
                      {"batch", 32},
                      {"amp", true},
                      {"name", "adam"},
                      {"none", nullptr},
                      {"layers", std::vector{64, 32}},
                      {"inner", {{"a", 1}, {"b", {{"c", 2.5}}}}}};
  REQUIRE(config.size() == 7);
  CHECK(config.items()[0].key == "lr");
  CHECK(*config.find("lr")->get_if<double>() == 1e-2);
  CHECK(*config.find("batch")->get_if<std::int64_t>() == 32);
  CHECK(*config.find("amp")->get_if<bool>());
  CHECK(*config.find("name")->get_if<std::string>() == "adam");
  CHECK(config.find("none")->is_null());
  CHECK(config.find("layers")->get_if<ConfigValue::List>()->size() == 2);
  CHECK(config.find("inner")->get_if<Config>()->find("b")->get_if<Config>()->size() == 1);
  CHECK(config.find("absent") == nullptr);
  CHECK(config.find("batch")->get_if<double>() == nullptr);
}

TEST_CASE(
    "a configuration key given twice keeps the place of the first and the value of the last") {
  Config config{{"a", 1}, {"b", 2}, {"a", "new"}};
  REQUIRE(config.size() == 2);
  CHECK(config.items()[0].key == "a");
  CHECK(to_text(config.items()[0].value) == "new");
  config.set("b", Config{});
  CHECK(config.find("b")->get_if<Config>()->empty());
}

TEST_CASE("empty keys and keys with NUL are refused, odd ones are not") {
  Config config;
  CHECK(error_of([&] { config.set("", 1); }).code == ErrorCode::invalid_key);
  CHECK(error_of([&] { config.set("a\0b"sv, 1); }).code == ErrorCode::invalid_key);
  config.set("with / and\nnewline", 1);
  CHECK(config.size() == 1);
}

TEST_CASE("unsigned numbers beyond int64 are refused") {
  CHECK(error_of([] { (void)ConfigValue(std::uint64_t{1} << 63U); }).code ==
        ErrorCode::invalid_value);
  CHECK(*ConfigValue(std::uint64_t{INT64_MAX}).get_if<std::int64_t>() == INT64_MAX);
}

TEST_CASE("values become one line of text") {
  CHECK(to_text(nullptr) == "null");
  CHECK(to_text(true) == "true");
  CHECK(to_text(-5) == "-5");
  CHECK(to_text(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(to_text(0.1) == "0.1");
  CHECK(to_text(std::nan("")) == "NaN");
  CHECK(to_text("plain, not quoted") == "plain, not quoted");
  CHECK(to_text(std::vector<std::string>{"a", "b\"c"}) == R"(["a", "b\"c"])");
  CHECK(to_text(Config{{"x", 1}, {"y", {{"z", "t"}}}}) == R"({"x": 1, "y": {"z": "t"}})");
  CHECK(to_text(std::vector<int>{}) == "[]");
  CHECK(to_text(Config{}) == "{}");
}

TEST_CASE("flattening joins paths, keeps lists and empty dictionaries whole") {
  const Config config{{"a", 1},
                      {"b", {{"c", 2}, {"d", {{"e", "x"}}}, {"empty", Config{}}}},
                      {"list", std::vector{1, 2}}};
  const auto leaves = flatten(config);
  REQUIRE(leaves.size() == 5);
  CHECK(leaves[0].key == "a");
  CHECK(leaves[1].key == "b/c");
  CHECK(leaves[2].key == "b/d/e");
  CHECK(leaves[3].key == "b/empty");
  CHECK(to_text(leaves[3].value) == "{}");
  CHECK(leaves[4].key == "list");
  CHECK(to_text(leaves[4].value) == "[1, 2]");
}

TEST_CASE("configurations compare by contents and order") {
  CHECK(Config{{"a", 1}, {"b", 2.0}} == Config{{"a", 1}, {"b", 2.0}});
  CHECK_FALSE(Config{{"a", 1}} == Config{{"a", 1.0}});
  CHECK_FALSE(Config{{"a", 1}, {"b", 2}} == Config{{"b", 2}, {"a", 1}});
}

TEST_CASE("a configuration nests 200 deep") {
  Config config{{"leaf", 1}};
  for (int depth = 0; depth < 200; ++depth) {
    Config outer;
    outer.set("d", std::move(config));
    config = std::move(outer);
  }
  const auto leaves = flatten(config);
  REQUIRE(leaves.size() == 1);
  CHECK(leaves[0].key.size() == 2 * 200 + 4);
}
