// Errors by code: what lets all ranks throw the same type with the same text.
#include "ranklog/error.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using ranklog::Error;
using ranklog::ErrorCode;
using ranklog::throw_error;

namespace {

constexpr int last_code = static_cast<int>(ErrorCode::foreign);

template <class E>
bool throws_type(ErrorCode code) {
  try {
    throw_error(code, "text");
  } catch (const E&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

TEST_CASE("every code is thrown with its own code and the given text") {
  for (int code = 1; code <= last_code; ++code) {
    CAPTURE(code);
    try {
      throw_error(static_cast<ErrorCode>(code), "what was tried");
    } catch (const Error& error) {
      CHECK(static_cast<int>(error.code()) == code);
      CHECK(std::string(error.what()) == "what was tried");
    }
  }
}

TEST_CASE("the type that belongs to a code can be caught by name") {
  CHECK(throws_type<ranklog::UsageError>(ErrorCode::usage));
  CHECK(throws_type<ranklog::InvalidKeyError>(ErrorCode::invalid_key));
  CHECK(throws_type<ranklog::InvalidValueError>(ErrorCode::invalid_value));
  CHECK(throws_type<ranklog::InvalidNameError>(ErrorCode::invalid_name));
  CHECK(throws_type<ranklog::InvalidStepError>(ErrorCode::invalid_step));
  CHECK(throws_type<ranklog::ConflictError>(ErrorCode::conflict));
  CHECK(throws_type<ranklog::UnknownTrackerError>(ErrorCode::unknown_tracker));
  CHECK(throws_type<ranklog::TrackerUnavailableError>(ErrorCode::tracker_unavailable));
  CHECK(throws_type<ranklog::TrackerFailedError>(ErrorCode::tracker_failed));
  CHECK(throws_type<ranklog::MissingLoggingDirError>(ErrorCode::missing_logging_dir));
  CHECK(throws_type<ranklog::DirectoryError>(ErrorCode::directory));
  CHECK(throws_type<ranklog::RunExistsError>(ErrorCode::run_exists));
  CHECK(throws_type<ranklog::LaunchMismatchError>(ErrorCode::launch_mismatch));
  CHECK(throws_type<ranklog::ShapeMismatchError>(ErrorCode::shape_mismatch));
  CHECK(throws_type<ranklog::FileFormatError>(ErrorCode::file_format));
  CHECK(throws_type<ranklog::IoError>(ErrorCode::io));
  CHECK(throws_type<ranklog::CommunicationError>(ErrorCode::communication));
  CHECK(throws_type<ranklog::ForeignError>(ErrorCode::foreign));
}

TEST_CASE("a code that is none of ours still becomes an error") {
  for (const int code : {0, -1, last_code + 1, 1 << 30}) {
    CAPTURE(code);
    CHECK(throws_type<Error>(static_cast<ErrorCode>(code)));
  }
}

TEST_CASE("every code has a name of its own") {
  std::set<std::string_view> names;
  for (int code = 0; code <= last_code; ++code) {
    names.insert(ranklog::to_string(static_cast<ErrorCode>(code)));
  }
  CHECK(names.size() == static_cast<std::size_t>(last_code) + 1);
  CHECK(ranklog::to_string(ErrorCode::invalid_key) == "invalid_key");
}
