// What a call threw, as values, so that a test can compare type and text.
#pragma once

#include <string>
#include <string_view>

#include "ranklog/error.hpp"

namespace ranklog::test_support {

struct Thrown {
  ErrorCode code = ErrorCode::none;
  std::string text;

  [[nodiscard]] bool says(std::string_view part) const { return text.find(part) != text.npos; }
};

// The ranklog error that `call` throws; code none when it returns. Other exceptions pass through.
template <class F>
[[nodiscard]] Thrown error_of(F&& call) {
  try {
    call();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {};
}

}  // namespace ranklog::test_support
