// The YAML beside the event file; tests/interop/test_tensorboard.py reads it with a YAML parser's
// rules in mind, here is the exact text.
#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "trackers/support/yaml_text.hpp"

using ranklog::Config;
using ranklog::ConfigValue;
using ranklog::trackers::support::to_yaml;

TEST_CASE("an empty configuration is an empty YAML mapping") { CHECK(to_yaml({}) == "{}\n"); }

TEST_CASE("scalars keep their type in YAML 1.1, where 1e-05 would be a string") {
  CHECK(to_yaml({{"a", 1e-5}}) == "\"a\": 1.0e-05\n");
  CHECK(to_yaml({{"a", 1e20}}) == "\"a\": 1.0e+20\n");
  CHECK(to_yaml({{"a", 2.0}}) == "\"a\": 2.0\n");
  CHECK(to_yaml({{"a", 2}}) == "\"a\": 2\n");
  CHECK(to_yaml({{"a", true}}) == "\"a\": true\n");
  CHECK(to_yaml({{"a", nullptr}}) == "\"a\": null\n");
  CHECK(to_yaml({{"a", "yes"}}) == "\"a\": \"yes\"\n");
}

TEST_CASE("numbers that are not finite have YAML's names") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  CHECK(to_yaml({{"a", infinity}}) == "\"a\": .inf\n");
  CHECK(to_yaml({{"a", -infinity}}) == "\"a\": -.inf\n");
  CHECK(to_yaml({{"a", std::numeric_limits<double>::quiet_NaN()}}) == "\"a\": .nan\n");
}

TEST_CASE("nested dictionaries are indented, those in lists are in braces") {
  const Config nested{{"name", "adam"}, {"empty", Config{}}};
  CHECK(to_yaml({{"optimizer", nested}, {"n", 1}}) ==
        "\"optimizer\":\n  \"name\": \"adam\"\n  \"empty\": {}\n\"n\": 1\n");
  CHECK(to_yaml({{"list", ConfigValue(std::vector<ConfigValue>{1, nested})}}) ==
        "\"list\": [1, {\"name\" : \"adam\", \"empty\" : {}}]\n");
}

TEST_CASE("what YAML does not allow raw, or takes for a line break, is escaped") {
  CHECK(to_yaml({{"a", "\"\\\n\t"}}) == "\"a\": \"\\\"\\\\\\u000a\\u0009\"\n");
  CHECK(to_yaml({{"a", "\x7f\xc2\x85\xe2\x80\xa8\xef\xbf\xbe"}}) ==
        "\"a\": \"\\u007f\\u0085\\u2028\\ufffe\"\n");
  CHECK(to_yaml({{"a", "Grün \xf0\x9f\x8c\xb1"}}) == "\"a\": \"Grün \xf0\x9f\x8c\xb1\"\n");
}

TEST_CASE("a key too long for one line is written as an explicit key") {
  const std::string key(1100, 'k');
  CHECK(to_yaml({{key, 1}}) == "? \"" + key + "\"\n: 1\n");
}
