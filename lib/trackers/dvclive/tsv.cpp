#include "trackers/dvclive/tsv.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <system_error>
#include <vector>

#include "core/file_bytes.hpp"
#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog::trackers::dvclive {
namespace {

struct Row {
  std::vector<std::string> fields;
  std::size_t end = 0;  // offset behind its newline
};

// The row that begins at `at`, or nothing if its newline is not there or a quote is out of place.
std::optional<Row> read_row(std::string_view text, std::size_t at) {
  Row row;
  std::string field;
  bool is_quoted = false;
  for (std::size_t i = at; i < text.size(); ++i) {
    const char c = text[i];
    if (is_quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += text[++i];
      } else {
        is_quoted = false;
      }
    } else if (c == '"') {
      is_quoted = true;
    } else if (c == '\t') {
      row.fields.push_back(std::move(field));
      field.clear();
    } else if (c == '\n') {
      row.fields.push_back(std::move(field));
      row.end = i + 1;
      return row;
    } else {
      field += c;
    }
  }
  return std::nullopt;
}

std::optional<std::int64_t> step_of(const Row& row) {
  if (row.fields.size() != 2) return std::nullopt;
  const std::string& text = row.fields[0];
  std::int64_t step = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return step;
}

[[noreturn]] void fail(const std::filesystem::path& path, const std::error_code& error) {
  throw IoError(fmt::format("cannot shorten '{}': {}", escape_unprintable(path.string(), 1000),
                            error.message()));
}

}  // namespace

std::string python_real(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::string text = format_real(value);
  if (text.find_first_of(".e") == text.npos) text += ".0";
  return text;
}

std::string tsv_field(std::string_view text) {
  if (text.find_first_of("\t\"\r\n") == text.npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    out += c;
    if (c == '"') out += c;
  }
  return out + '"';
}

std::string tsv_row(std::int64_t step, std::string_view field) {
  return fmt::format("{}\t{}\n", step, field);
}

std::string tsv_header(std::string_view column) {
  return fmt::format("step\t{}\n", tsv_field(column));
}

std::optional<std::string> cut_tsv(const std::filesystem::path& path, std::string_view column,
                                   std::int64_t from_step) {
  const std::string text = read_whole_file(path);
  std::optional<std::string> last_value;
  std::size_t end = 0;
  if (const auto header = read_row(text, 0)) {
    if (header->fields != std::vector<std::string>{"step", std::string(column)}) {
      throw FileFormatError(
          fmt::format("'{}' was not written by ranklog: its columns are not 'step' and '{}'; use "
                      "another folder",
                      escape_unprintable(path.string(), 1000), escape_unprintable(column)));
    }
    end = header->end;
  }
  while (end > 0) {
    auto row = read_row(text, end);
    if (!row) break;
    const auto step = step_of(*row);
    if (!step || *step >= from_step) break;
    last_value = std::move(row->fields[1]);
    end = row->end;
  }
  std::error_code error;
  if (!last_value) {
    std::filesystem::remove(path, error);
  } else if (end < text.size()) {
    std::filesystem::resize_file(path, end, error);
  }
  if (error) fail(path, error);
  return last_value;
}

}  // namespace ranklog::trackers::dvclive
