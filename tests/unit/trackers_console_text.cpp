// Texts as lines of a vendor's console, and the steps that are found in them again.
#include <doctest/doctest.h>

#include <optional>

#include "trackers/support/console_text.hpp"

using namespace ranklog::trackers::support;

TEST_CASE("the step of a console line is found again, and only where ranklog put one") {
  CHECK(console_text(5, "note", "Größe") == "step 5  note: Größe");
  CHECK(console_text(std::nullopt, "note", "a\nb") == "note: a\nb");
  CHECK(step_of_console_text(console_text(5, "note", "step 7  x")) == 5);
  CHECK(step_of_console_text(console_text(0, "step 7", "")) == 0);
  for (const char* const line : {"", "step ", "step 5", "step 5 x", "step x  y", "a step 5  x",
                                 "step 99999999999999999999  x", "note: step 5  x"}) {
    CAPTURE(line);
    CHECK_FALSE(step_of_console_text(line).has_value());
  }
}
