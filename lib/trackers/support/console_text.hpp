// Logged texts as lines of the console that some vendors keep with a run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ranklog::trackers::support {

// "step 5  note: what was logged", without the first part if there was no step.
[[nodiscard]] std::string console_text(std::optional<std::int64_t> step, std::string_view name,
                                       std::string_view text);
// The step that such a line begins with.
[[nodiscard]] std::optional<std::int64_t> step_of_console_text(std::string_view line);

}  // namespace ranklog::trackers::support
