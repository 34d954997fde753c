#include "trackers/jsonl/earlier_lines.hpp"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <string_view>
#include <system_error>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/support/record_file.hpp"

namespace ranklog::trackers {
namespace {

namespace fs = std::filesystem;

enum class Line { first, kept, row_to_cut, outcome };

Line kind_of(std::string_view line, std::int64_t from_step) {
  constexpr std::string_view row = "{\"step\":";
  if (line.starts_with("{\"ranklog_jsonl\":")) return Line::first;
  if (line.starts_with("{\"outcome\":")) return Line::outcome;
  std::int64_t step = 0;
  const bool is_row =
      line.starts_with(row) &&
      std::from_chars(line.data() + row.size(), line.data() + line.size(), step).ec == std::errc{};
  return is_row && step >= from_step ? Line::row_to_cut : Line::kept;
}

}  // namespace

std::set<std::string, std::less<>> cut_earlier_lines(const fs::path& file, std::int64_t from_step) {
  const std::string shown = escape_unprintable(file.string(), 1000);
  const fs::path part = file.parent_path() / ".metrics.jsonl.part";
  std::error_code error;
  fs::remove(part, error);
  std::ifstream in(file, std::ios::binary);
  support::RecordFile out(part);
  std::set<std::string, std::less<>> kept;
  bool is_first = true;
  for (std::string line; std::getline(in, line);) {
    if (in.eof()) break;  // without its newline: somebody was killed while writing it
    const Line kind = kind_of(line, from_step);
    if (is_first != (kind == Line::first)) {
      fs::remove(part, error);
      throw RunExistsError(fmt::format("'{}' was not written by ranklog and is left alone", shown));
    }
    is_first = false;
    if (kind == Line::row_to_cut || kind == Line::outcome) continue;
    line += '\n';
    out.append(line);
    line.pop_back();
    if (!line.starts_with("{\"step\":")) kept.insert(std::move(line));
  }
  if (in.bad()) throw IoError(fmt::format("cannot read '{}'", shown));
  out.close();
  fs::rename(part, file, error);
  if (error) throw IoError(fmt::format("cannot write '{}': {}", shown, error.message()));
  return kept;
}

}  // namespace ranklog::trackers
