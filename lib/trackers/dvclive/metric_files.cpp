#include "trackers/dvclive/metric_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/dvclive/key_path.hpp"
#include "trackers/dvclive/tsv.hpp"
#include "trackers/support/record_file.hpp"
#include "trackers/support/replace_file.hpp"

namespace ranklog::trackers::dvclive {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t max_pending_bytes = std::size_t{64} << 20;
constexpr std::string_view extension = ".tsv";

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw IoError(fmt::format("cannot make '{}': {}", escape_unprintable(folder.string(), 1000),
                              error.message()));
  }
}

}  // namespace

MetricFiles::Series& MetricFiles::series_of(std::string_view key) {
  const auto known = series_.find(key);
  if (known != series_.end()) return known->second;
  Series series;
  series.last.path = path_of(key);
  series.file = dir_ / "plots" / "metrics";
  for (const auto& part : series.last.path) series.file /= part;
  series.file += extension;
  return series_.emplace(std::string(key), std::move(series)).first->second;
}

void MetricFiles::resume(std::int64_t from_step) {
  const fs::path top = dir_ / "plots" / "metrics";
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::recursive_directory_iterator at(top, error), end; !error && at != end;
       at.increment(error)) {
    if (at->is_regular_file(error) && at->path().extension() == extension) {
      files.push_back(at->path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    fs::path relative = file.lexically_relative(top);
    relative.replace_extension();
    std::vector<std::string> path;
    for (const auto& part : relative) path.push_back(part.string());
    const auto last = cut_tsv(file, path.back(), from_step);
    if (!last) continue;
    Series& series = series_of(key_of(path));
    series.has_file = true;
    series.last.json = json_of_field(*last);
    is_summary_old_ = true;
  }
  if (is_summary_old_ && from_step > 0) step_ = from_step - 1;
}

void MetricFiles::add(std::string_view key, std::int64_t step, std::string_view field,
                      std::string json) {
  if (n_pending_ > max_pending_bytes) {
    ++n_left_out_;
    throw IoError(
        fmt::format("'{}' cannot be written and {} bytes wait already: {} value(s) left out so far",
                    escape_unprintable(dir_.string(), 1000), n_pending_, n_left_out_));
  }
  Series& series = series_of(key);
  if (series.pending.empty()) waiting_.push_back(&series);
  const std::size_t n_before = series.pending.size();
  // DVC finds no columns in a table without rows, so the header comes with the first.
  if (!series.has_file && series.pending.empty()) {
    series.pending = tsv_header(series.last.path.back());
  }
  series.pending += tsv_row(step, field);
  n_pending_ += series.pending.size() - n_before;
  series.last.json = std::move(json);
  step_ = std::max(step, step_.value_or(step));
  is_summary_old_ = true;
}

void MetricFiles::write_rows(Series& series) {
  if (!series.has_file) make_folder(series.file.parent_path());
  support::RecordFile file(series.file, {.may_exist = true});
  file.append(series.pending);
  file.close();
  series.has_file = true;
  n_pending_ -= series.pending.size();
  series.pending.clear();
}

void MetricFiles::write() {
  while (!waiting_.empty()) {
    write_rows(*waiting_.back());
    waiting_.pop_back();
  }
  if (!is_summary_old_) return;
  std::vector<LastValue> values;
  for (const auto& [key, series] : series_) values.push_back(series.last);
  support::replace_file(dir_ / "metrics.json", summary_json(values, step_));
  is_summary_old_ = false;
}

}  // namespace ranklog::trackers::dvclive
