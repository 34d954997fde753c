// The rules for metric keys, project names and run names.
#include "ranklog/key.hpp"

#include <doctest/doctest.h>

#include <string>

#include "ranklog/error.hpp"
#include "support/error_of.hpp"

using namespace std::string_view_literals;
using ranklog::ErrorCode;
using ranklog::max_key_bytes;
using ranklog::max_run_name_bytes;
using ranklog::validate_key;
using ranklog::validate_path_component;
using ranklog::test_support::error_of;

namespace {

ErrorCode key_error(std::string_view key) {
  return error_of([&] { validate_key(key); }).code;
}
ErrorCode name_error(std::string_view name) {
  return error_of([&] { validate_path_component(name, "run name"); }).code;
}

}  // namespace

TEST_CASE("keys of ordinary programs are accepted") {
  for (const auto key : {"loss"sv, "train/loss"sv, "a/b/c/d"sv, "Verlust (größter)"sv,
                         "损失/训练"sv, "x y"sv, "..."sv, "a/...b"sv, "ranklog"sv, "ranklogs/x"sv,
                         "0"sv, "\xF0\x9F\x9A\x80"sv, "a.b/c.."sv, "%s{}\\\"'"sv}) {
    CAPTURE(key);
    CHECK(key_error(key) == ErrorCode::none);
  }
}

TEST_CASE("a key may have 250 bytes and not one more") {
  CHECK(key_error(std::string(max_key_bytes, 'k')) == ErrorCode::none);
  const auto thrown = error_of([] { validate_key(std::string(max_key_bytes + 1, 'k')); });
  CHECK(thrown.code == ErrorCode::invalid_key);
  CHECK(thrown.says("251 bytes"));
  CHECK(thrown.says("1 to 250 bytes"));
}

TEST_CASE("keys that break a rule are refused") {
  for (const auto key : {""sv,
                         "/"sv,
                         "/a"sv,
                         "a/"sv,
                         "a//b"sv,
                         "."sv,
                         ".."sv,
                         "a/./b"sv,
                         "a/.."sv,
                         "../a"sv,
                         "ranklog/"sv,
                         "ranklog/x"sv,
                         "a\nb"sv,
                         "a\tb"sv,
                         "a\0b"sv,
                         "\0"sv,
                         "\x7F"sv,
                         "\x1B[2J"sv,
                         "\xFF"sv,
                         "\xC0\xAF"sv,
                         "\xED\xA0\x80"sv,
                         "\xF4\x90\x80\x80"sv,
                         "abc\xE2\x82"sv,
                         "a\xC2\x85z"sv,
                         "\xC2\x9B"sv}) {
    CAPTURE(key);
    CHECK(key_error(key) == ErrorCode::invalid_key);
  }
}

TEST_CASE("the message of a bad key names it, escaped, and shows a good one") {
  const auto thrown = error_of([] { validate_key("lo\x1Bss\xFF"); });
  CHECK(thrown.says("'lo\\x1bss\\xff'"));
  CHECK(thrown.says("'train/loss'"));
  CHECK(error_of([] { validate_key("ranklog/loss"); }).says("reserved"));
  CHECK(error_of([] { validate_key("a//b"); }).says("empty part"));
}

TEST_CASE("run names that are one safe path component are accepted") {
  for (const auto name : {"run-1"sv, "a.b"sv, ".hidden"sv, "größte Läufe"sv, "a..b"sv, "job:1"sv}) {
    CAPTURE(name);
    CHECK(name_error(name) == ErrorCode::none);
  }
  CHECK(name_error(std::string(max_run_name_bytes, 'n')) == ErrorCode::none);
}

TEST_CASE("run names that could leave the logging directory are refused") {
  for (const auto name : {""sv, "."sv, ".."sv, "..a"sv, "../x"sv, "a/b"sv, "/"sv, "a\0b"sv,
                          "a\nb"sv, " a"sv, "a "sv, "\xFF"sv, "\xC2\x9B"sv}) {
    CAPTURE(name);
    CHECK(name_error(name) == ErrorCode::invalid_name);
  }
  CHECK(name_error(std::string(max_run_name_bytes + 1, 'n')) == ErrorCode::invalid_name);
}

TEST_CASE("the message of a bad run name says which name it is and what is allowed") {
  const auto thrown = error_of([] { validate_path_component("../../etc", "run name"); });
  CHECK(thrown.says("run name '../../etc'"));
  CHECK(thrown.says("without '/'"));
  CHECK(error_of([] { validate_path_component("", "project name"); }).says("project name ''"));
}
