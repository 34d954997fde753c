#include <doctest/doctest.h>

#include <limits>

#include "tools/ranklog/numbers.hpp"
#include "tools/ranklog/run_status.hpp"

using ranklog::tool::describe_status;
using ranklog::tool::format_age;
using ranklog::tool::format_duration;
using ranklog::tool::format_number;

TEST_CASE("numbers have at most six significant digits") {
  CHECK(format_number(0.123456789) == "0.123457");
  CHECK(format_number(123456.7) == "123457");
  CHECK(format_number(3.0) == "3");
  CHECK(format_number(-2.5) == "-2.5");
  CHECK(format_number(0.0) == "0");
  CHECK(format_number(-0.0) == "0");
}

TEST_CASE("exponents carry no idle characters") {
  CHECK(format_number(12345678) == "1.23457e7");
  CHECK(format_number(1e-7) == "1e-7");
  CHECK(format_number(-1.5e100) == "-1.5e100");
  CHECK(format_number(1e10) == "1e10");
}

TEST_CASE("small numbers are written with an exponent") {
  CHECK(format_number(0.001) == "0.001");
  CHECK(format_number(0.000123456789) == "1.23457e-4");
  CHECK(format_number(-0.0001) == "-1e-4");
  CHECK(format_number(0.00099999999) == "1e-3");
  CHECK(format_number(5e-324) == "4.94066e-324");
}

TEST_CASE("fewer digits can be asked for") { CHECK(format_number(0.123456789, 4) == "0.1235"); }

TEST_CASE("numbers that are not finite are named") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(format_number(std::numeric_limits<double>::quiet_NaN()) == "NaN");
  CHECK(format_number(infinity) == "inf");
  CHECK(format_number(-infinity) == "-inf");
}

TEST_CASE("a duration has two units at most") {
  CHECK(format_duration(0.254) == "0.25s");
  CHECK(format_duration(12.54) == "12.5s");
  CHECK(format_duration(59.97) == "1m 00s");
  CHECK(format_duration(200) == "3m 20s");
  CHECK(format_duration(3599.7) == "1h 00m");
  CHECK(format_duration(7380) == "2h 03m");
  CHECK(format_duration(4 * 86400 + 3600) == "4d 01h");
}

TEST_CASE("a duration that is none is a dash") {
  CHECK(format_duration(-1) == "-");
  CHECK(format_duration(std::numeric_limits<double>::quiet_NaN()) == "-");
  CHECK(format_duration(std::numeric_limits<double>::infinity()) == "-");
  CHECK(format_duration(1e300) == "-");
}

TEST_CASE("an age has one unit, rounded down") {
  CHECK(format_age(59) == "59s");
  CHECK(format_age(119) == "1m");
  CHECK(format_age(3 * 3600 + 3599) == "3h");
  CHECK(format_age(47 * 3600) == "47h");
  CHECK(format_age(12 * 86400) == "12d");
}

TEST_CASE("a running run is doubted after a minute without a change") {
  CHECK(describe_status("running", 60) == "running");
  CHECK(describe_status("running", 61) == "running? (quiet 1m)");
  CHECK(describe_status("running", 3 * 3600) == "running? (quiet 3h)");
  CHECK(describe_status("running", std::nullopt) == "running");
}

TEST_CASE("a run that has ended is not doubted") {
  CHECK(describe_status("completed", 3 * 3600) == "completed");
  CHECK(describe_status("failed", 3 * 3600) == "failed");
}
