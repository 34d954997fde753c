// The tables of DVCLive: one for each metric, with the columns `step` and the metric's own name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace ranklog::trackers::dvclive {

// Numbers as Python writes them: "1.0", "1e-05", "nan", "inf", "-inf".
[[nodiscard]] std::string python_real(double value);
// A field, in quotes where the csv module of Python would use them.
[[nodiscard]] std::string tsv_field(std::string_view text);
[[nodiscard]] std::string tsv_row(std::int64_t step, std::string_view field);
[[nodiscard]] std::string tsv_header(std::string_view column);

// Cuts a table off before its first row at `from_step` or later, and before what is no whole row;
// without any row left the file is removed, because DVC cannot read a header alone. Returns the
// last value that stays, unquoted. Complexity: O(file size).
// Errors: IoError; FileFormatError if the columns are not `step` and `column`.
[[nodiscard]] std::optional<std::string> cut_tsv(const std::filesystem::path& path,
                                                 std::string_view column, std::int64_t from_step);

}  // namespace ranklog::trackers::dvclive
