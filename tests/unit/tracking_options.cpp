// Options of trackers: types, defaults and names that nobody knows.
#include <doctest/doctest.h>

#include <string>

#include "ranklog/config.hpp"
#include "support/error_of.hpp"
#include "tracking/tracker_options.hpp"

using ranklog::Config;
using ranklog::ErrorCode;
using ranklog::test_support::error_of;
using ranklog::tracking::OptionReader;

TEST_CASE("options are read with their types, and absent ones take the default") {
  const Config config{{"rate", 2}, {"ratio", 0.5}, {"n", 7}, {"on", true}, {"name", "x"}};
  OptionReader options("demo", config);
  CHECK(options.number("rate", 0) == 2.0);
  CHECK(options.number("ratio", 0) == 0.5);
  CHECK(options.number("absent", 1.5) == 1.5);
  CHECK(options.integer("n", 0) == 7);
  CHECK(options.integer("absent too", -3) == -3);
  CHECK(options.flag("on", false));
  CHECK(options.flag("absent flag", true));
  CHECK(options.text("name", "") == "x");
  CHECK(options.text("absent text", "fallback") == "fallback");
  CHECK(error_of([&] { options.reject_unknown(); }).code == ErrorCode::none);
}

TEST_CASE("an option of the wrong type names tracker, option, value and the right type") {
  const Config config{{"n", 1.5}, {"on", 1}, {"name", 3}, {"rate", "fast"}, {"none", nullptr}};
  OptionReader options("demo", config);
  const auto whole = error_of([&] { (void)options.integer("n", 0); });
  CHECK(whole.code == ErrorCode::usage);
  CHECK(whole.text == "option 'n' of tracker 'demo' is '1.5', but must be a whole number");
  CHECK(error_of([&] { (void)options.flag("on", false); }).says("true or false"));
  CHECK(error_of([&] { (void)options.text("name", ""); }).says("a text"));
  CHECK(error_of([&] { (void)options.number("rate", 0); }).says("'fast', but must be a number"));
  CHECK(error_of([&] { (void)options.number("none", 0); }).says("'null'"));
}

TEST_CASE("a misspelt option is refused with the names that are right") {
  const Config config{{"interval", 1}, {"intervall\x1B", 2}};
  OptionReader options("demo", config);
  CHECK(options.integer("interval", 0) == 1);
  CHECK(options.flag("verbose", false) == false);
  const auto thrown = error_of([&] { options.reject_unknown(); });
  CHECK(thrown.code == ErrorCode::usage);
  CHECK(thrown.text == "tracker 'demo' has no option 'intervall\\x1b'; it knows interval, verbose");
}
