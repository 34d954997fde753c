#include "trackers/hdf5/hdf5_tracker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/text.hpp"
#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "trackers/hdf5/attributes.hpp"
#include "trackers/hdf5/summary.hpp"
#include "tracking/tracker_options.hpp"

namespace ranklog::trackers {
namespace {

constexpr std::size_t max_bytes_waiting = 32u << 20;
// Opening a dataset again costs more than writing a block to it; holding one open takes about 3 kB.
constexpr std::size_t max_open_series = 256;
// What every write may add besides rows: scale lists, attributes, heaps.
constexpr std::size_t bytes_of_slack = 65536;
// Writing by the clock takes at most a tenth of the time, however many metrics there are.
constexpr int pause_per_write = 9;

double seconds_since_epoch() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

}  // namespace

std::unique_ptr<GeneralTracker> make_hdf5_tracker() { return std::make_unique<Hdf5Tracker>(); }

Hdf5Tracker::~Hdf5Tracker() {
  if (!file_) return;
  try {
    if (!is_broken_) write_waiting();
    close_file();
  } catch (const std::exception&) {
    // finish() reports errors; without it there is nobody to tell.
  }
}

ThreadAffinity Hdf5Tracker::thread_affinity() const {
  return h5::is_thread_safe() ? ThreadAffinity::writer : ThreadAffinity::caller;
}

void Hdf5Tracker::start(const TrackerContext& context) {
  tracking::OptionReader options("hdf5", context.options);
  const double interval_s = options.number("flush_interval_s", 1.0);
  const std::int64_t flush_rows = options.integer("flush_rows", 1024);
  options.reject_unknown();
  if (!(interval_s >= 0 && interval_s <= 1e6)) {
    throw UsageError(
        fmt::format("hdf5: flush_interval_s is {}; give seconds from 0 to 1e6", interval_s));
  }
  if (flush_rows < 1 || flush_rows > 1'000'000) {
    throw UsageError(
        fmt::format("hdf5: flush_rows is {}; give a number from 1 to 1000000", flush_rows));
  }
  flush_rows_ = static_cast<std::size_t>(flush_rows);
  flush_interval_ =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(interval_s));
  if (context.run_dir.empty()) {
    throw MissingLoggingDirError("hdf5: needs a directory; give project_dir or logging_dir");
  }
  const h5::QuietErrors quiet;
  const std::filesystem::path path = context.run_dir / h5::run_file_name;
  try {
    file_ = std::make_unique<hdf5::OutputFile>(path, context, seconds_since_epoch());
  } catch (const h5::CallFailed& failure) {
    throw IoError(fmt::format("hdf5: cannot start {}: {}", escape_unprintable(path.string()),
                              escape_unprintable(failure.what())));
  }
  next_write_ = Clock::now() + flush_interval_;
}

void Hdf5Tracker::fail(const char* action, const std::string& cause) {
  throw IoError(fmt::format("hdf5: cannot {} {}: {}", action,
                            escape_unprintable(file_->path().string()), escape_unprintable(cause)));
}

template <class Body>
void Hdf5Tracker::guarded(const char* action, Body body) {
  const h5::QuietErrors quiet;
  try {
    body();
  } catch (const h5::CallFailed& failure) {
    is_broken_ = true;
    file_->abandon();
    const std::size_t n_lost = drop_waiting();
    fail(action,
         fmt::format("{}; {} rows are lost, and the file gets no more", failure.what(), n_lost));
  }
}

void Hdf5Tracker::store_init_configuration(const Config& config) {
  if (!file_ || is_broken_) return;
  const std::string why_not = file_->why_no_space(bytes_of_slack + to_text(config).size() * 4);
  if (!why_not.empty()) fail("write the configuration to", why_not);
  guarded("write the configuration to", [&] {
    const h5::Group group = hdf5::make_group(file_->id(), h5::config_group + 1);
    hdf5::write_config(group.get(), config);
    file_->flush();
  });
}

void Hdf5Tracker::log(const Record& record, const Config& options) {
  (void)options;
  if (!file_) return;
  if (is_broken_) {
    ++n_rows_lost_;
    return;
  }
  add(record);
  if (most_rows_waiting_ >= flush_rows_ || n_bytes_waiting_ >= max_bytes_waiting ||
      Clock::now() >= next_write_) {
    write_waiting();
  }
}

hdf5::Series& Hdf5Tracker::series_of(const Metric& metric) {
  const std::size_t index = metric.info->index;
  if (index >= series_by_index_.size()) series_by_index_.resize(index + 1);
  auto& series = series_by_index_[index];
  if (!series) {
    series = std::make_unique<hdf5::Series>(metric.info, file_->n_ranks());
    ++n_series_;
  }
  series->check(metric);
  return *series;
}

void Hdf5Tracker::prepare_tables(const Record& record) {
  ++n_records_;
  touched_.clear();
  std::vector<hdf5::Series*> fresh;
  for (const Metric& metric : record.metrics) {
    hdf5::Series& series = series_of(metric);
    if (series.last_record == n_records_) {
      throw UsageError(fmt::format("hdf5: a record holds '{}' twice", metric.key()));
    }
    series.last_record = n_records_;
    hdf5::Table* const table = series.table;
    if (table == nullptr) {
      fresh.push_back(&series);
      continue;
    }
    if (std::exchange(table->last_record, n_records_) != n_records_) {
      table->n_hits = 0;
      touched_.push_back(table);
    }
    ++table->n_hits;
  }
  for (hdf5::Table*& table : touched_) {
    if (table->n_hits == table->series().size()) continue;
    guarded("write to", [&] { tables_.push_back(table->split(*file_, n_records_)); });
    const bool was_moved = tables_.back()->series().front()->last_record == n_records_;
    if (was_moved) table = tables_.back().get();
  }
  if (!fresh.empty()) {
    tables_.push_back(std::make_unique<hdf5::Table>(std::move(fresh)));
    touched_.push_back(tables_.back().get());
  }
}

void Hdf5Tracker::add(const Record& record) {
  prepare_tables(record);
  for (const Metric& metric : record.metrics) {
    n_bytes_waiting_ += series_by_index_[metric.info->index]->add(metric);
  }
  for (hdf5::Table* const table : touched_) {
    table->add_row(record.row_step, record.time);
    most_rows_waiting_ = std::max(most_rows_waiting_, table->n_rows_waiting());
  }
}

std::size_t Hdf5Tracker::drop_waiting() noexcept {
  std::size_t n_rows = 0;
  for (const auto& table : tables_) {
    n_rows += table->n_rows_waiting();
    table->clear();
  }
  n_rows_lost_ += n_rows;
  n_bytes_waiting_ = 0;
  most_rows_waiting_ = 0;
  return n_rows;
}

void Hdf5Tracker::write_waiting() {
  const Clock::time_point begin = Clock::now();
  next_write_ = begin + flush_interval_;
  std::size_t n_bytes = bytes_of_slack;
  for (const auto& table : tables_) n_bytes += table->bytes_to_write(n_series_);
  const std::string why_not = file_->why_no_space(n_bytes);
  if (!why_not.empty()) {
    const std::size_t n_lost = drop_waiting();
    fail("write to",
         fmt::format("{} ({} bytes needed); {} rows are lost", why_not, n_bytes, n_lost));
  }
  guarded("write to", [&] { write_blocks(); });
  const Clock::time_point end = Clock::now();
  next_write_ = end + std::max(flush_interval_, pause_per_write * (end - begin));
}

void Hdf5Tracker::write_blocks() {
  const bool keep_open = n_series_ <= max_open_series;
  for (const auto& table : tables_) table->write(*file_, placement_, n_series_, keep_open);
  file_->flush();
  n_bytes_waiting_ = 0;
  most_rows_waiting_ = 0;
}

void Hdf5Tracker::flush() {
  if (file_ && !is_broken_) write_waiting();
}

void Hdf5Tracker::write_closing_facts(const RunOutcome& outcome) {
  std::vector<const hdf5::Series*> numbers;
  for (const auto& series : series_by_index_) {
    if (series && !series->is_text() && !series->path().empty()) numbers.push_back(series.get());
  }
  hdf5::write_summary(*file_, numbers);
  hdf5::replace_attribute(file_->id(), "status", to_string(outcome.status));
  if (!outcome.reason.empty()) {
    hdf5::write_attribute(file_->id(), "status_reason", outcome.reason);
  }
  file_->flush();
}

void Hdf5Tracker::close_file() {
  const h5::QuietErrors quiet;
  tables_.clear();
  series_by_index_.clear();
  const std::unique_ptr<hdf5::OutputFile> file = std::move(file_);
  try {
    file->close();
  } catch (const h5::CallFailed& failure) {
    throw IoError(fmt::format("hdf5: cannot close {}: {}",
                              escape_unprintable(file->path().string()),
                              escape_unprintable(failure.what())));
  }
}

void Hdf5Tracker::finish(const RunOutcome& outcome) {
  if (!file_) return;
  std::string first_error;
  try {
    if (!is_broken_) {
      write_waiting();
      guarded("finish", [&] { write_closing_facts(outcome); });
    }
  } catch (const IoError& error) {
    first_error = error.what();
  }
  const std::string path = escape_unprintable(file_->path().string());
  close_file();
  if (first_error.empty() && n_rows_lost_ > 0) {
    first_error = fmt::format("hdf5: {} rows could not be written to {}", n_rows_lost_, path);
  }
  if (!first_error.empty()) throw IoError(first_error);
}

NativeHandle Hdf5Tracker::native() {
  if (!file_) return {};
  return native_handle(file_->native_id());
}

}  // namespace ranklog::trackers
