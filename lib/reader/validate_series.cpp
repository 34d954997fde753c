// The rows of one metric: that the columns fit together, and that no row contradicts itself.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>

#include "core/text.hpp"
#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "ranklog/key.hpp"
#include "reader/columns.hpp"
#include "reader/objects.hpp"
#include "reader/summary.hpp"
#include "reader/validate.hpp"

namespace ranklog::reader {
namespace {

using h5::checked;

// docs/format.md, "Where a key is": the key's own path, parts perhaps with `_` behind them.
bool is_place_of(std::string_view key, std::string_view path) {
  while (true) {
    const std::string_view part = key.substr(0, key.find('/'));
    const std::string_view name = path.substr(0, path.find('/'));
    if (!name.starts_with(part) || name.find_first_not_of('_', part.size()) != name.npos) {
      return false;
    }
    const bool is_last = part.size() == key.size();
    if (is_last || name.size() == path.size()) return is_last && name.size() == path.size();
    key.remove_prefix(part.size() + 1);
    path.remove_prefix(name.size() + 1);
  }
}

void check_attributes(hid_t group, const FoundSeries& found) {
  const SeriesInfo& info = found.info;
  if (!info.key.starts_with(reserved_key_prefix)) validate_key(info.key);
  for (const char* const root : {h5::metrics_group, h5::text_group}) {
    const auto at = found.path.rfind(std::string(root) + '/');
    if (at == std::string::npos) continue;
    const auto place = std::string_view(found.path).substr(at + std::string_view(root).size() + 1);
    if (!is_place_of(info.key, place)) {
      throw Damage(
          fmt::format("the attribute 'key' says '{}', which does not belong here", info.key));
    }
  }
  for (const std::string& text : {info.unit, info.long_name}) {
    if (!is_valid_utf8(text)) throw Damage("the unit or long_name is not valid UTF-8");
  }
  const std::string dtype = read_text_attribute(group, "dtype");
  const bool is_text = info.kind == Kind::text;
  if (is_text ? dtype != "string" : dtype != "int64" && dtype != "float64") {
    throw Damage(fmt::format("the attribute 'dtype' is '{}'", dtype));
  }
  const std::string nan = read_text_attribute(group, "nan");
  if (nan != "skip" && nan != "propagate") {
    throw Damage(fmt::format("the attribute 'nan' is '{}'", nan));
  }
  if (found.index < 0) throw Damage("the attribute 'index' is negative");
  if (info.reduction == Reduction::gather && !info.has_per_rank) {
    throw Damage("the dataset 'per_rank' is missing");
  }
}

// A row that came late repeats a step that was recorded before.
void check_steps(const Series& series) {
  std::set<std::int64_t> seen;
  std::int64_t highest = 0;
  for (std::size_t row = 0; row < series.step.size(); ++row) {
    const std::int64_t step = series.step[row];
    if (step < 0) throw Damage(fmt::format("row {}: the step {} is negative", row, step));
    if (step < highest && !seen.contains(step)) {
      throw Damage(fmt::format("row {}: step {} stands behind step {}", row, step, highest));
    }
    if (step > highest || row == 0) seen.insert(step);
    highest = std::max(highest, step);
    if (!std::isfinite(series.time[row])) {
      throw Damage(fmt::format("row {}: the time is not a number", row));
    }
  }
}

// What is wrong with the numbers of a row, if anything.
std::optional<std::string> contradiction_in(const Series& series, std::size_t row,
                                            std::int64_t n_ranks) {
  const std::int64_t count = series.count[row], nan_count = series.nan_count[row];
  if (count < 0) return fmt::format("the count {} is negative", count);
  if (nan_count < 0 || nan_count > count) {
    return fmt::format("{} of {} values are said to be NaN", nan_count, count);
  }
  for (const std::int32_t rank :
       {series.min_rank[row], series.max_rank[row], series.first_nan_rank[row]}) {
    if (rank < -1 || (n_ranks > 0 && rank >= n_ranks)) {
      return fmt::format("there is no rank {}", rank);
    }
  }
  if (series.min[row] > series.max[row]) {
    return fmt::format("the minimum {} is above the maximum {}", series.min[row], series.max[row]);
  }
  if (series.std[row] < 0) return fmt::format("the std {} is negative", series.std[row]);
  if ((nan_count > 0) != (series.first_nan_rank[row] >= 0)) {
    return fmt::format("nan_count is {} and first_nan_rank {}", nan_count,
                       series.first_nan_rank[row]);
  }
  return std::nullopt;
}

void check_numbers(const Series& series, std::int64_t n_ranks) {
  for (std::size_t row = 0; row < series.step.size(); ++row) {
    if (const auto what = contradiction_in(series, row, n_ranks)) {
      throw Damage(fmt::format("row {}: {}", row, *what));
    }
  }
}

void check_gathered(const Series& series) {
  const std::size_t n_rows = series.step.size();
  if (n_rows == 0 || series.per_rank_count.empty()) return;
  const std::size_t n_ranks = series.per_rank_count.size() / n_rows;
  for (std::size_t row = 0; row < n_rows; ++row) {
    std::int64_t n = 0;
    for (std::size_t rank = 0; rank < n_ranks; ++rank) {
      const std::int64_t of_rank = series.per_rank_count[row * n_ranks + rank];
      if (of_rank < 0 || of_rank > series.per_rank_width) {
        throw Damage(fmt::format("row {}: rank {} is said to have given {} elements of {}", row,
                                 rank, of_rank, series.per_rank_width));
      }
      n += of_rank;
    }
    const bool has_count = !series.count.empty();
    if (has_count && n != series.count[row]) {
      throw Damage(
          fmt::format("row {}: the count is {}, and the ranks gave {}", row, series.count[row], n));
    }
  }
}

void check_texts(const Series& series) {
  const auto check = [](const std::vector<std::string>& texts, const char* name) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (!is_valid_utf8(texts[i])) {
        throw Damage(fmt::format("cell {} of '{}' is not valid UTF-8", i, name));
      }
    }
  };
  check(series.text, "value");
  check(series.per_rank_text, "per_rank");
}

}  // namespace

void check_series(OpenRun& run, const FoundSeries& found, std::int64_t n_ranks,
                  DefectList& defects) {
  defects.guard(found.path, [&] { check_attributes(run.open(found.path.c_str()).get(), found); });
  Series series;
  bool is_read = false;
  defects.guard(found.path, [&] {
    series = read_series(run.file(), found, {.columns = Columns::all}, Lengths::must_agree);
    is_read = true;
  });
  if (!is_read) return;
  defects.guard(found.path + "/step", [&] { check_steps(series); });
  defects.guard(found.path, [&] { check_texts(series); });
  if (series.info.kind != Kind::text) {
    defects.guard(found.path, [&] { check_numbers(series, n_ranks); });
  }
  defects.guard(found.path + "/per_rank_count", [&] { check_gathered(series); });
}

void check_summary(OpenRun& run, DefectList& defects) {
  defects.guard(h5::summary_group, [&] {
    for (const SummaryInfo& one : read_summary(run)) {
      const auto& index = run.index();
      const auto found = std::find_if(index.begin(), index.end(), [&](const FoundSeries& series) {
        return series.info.key == one.key;
      });
      if (found == index.end()) {
        throw Damage(fmt::format("there is no metric '{}'", one.key));
      }
      const Series series =
          read_series(run.file(), *found, {.columns = Columns::count}, Lengths::must_agree);
      std::int64_t count = 0;
      for (const std::int64_t of_row : series.count) count += of_row;
      if (count != one.count) {
        throw Damage(fmt::format("the count of '{}' is {}, and its rows have {}", one.key,
                                 one.count, count));
      }
    }
  });
}

}  // namespace ranklog::reader
