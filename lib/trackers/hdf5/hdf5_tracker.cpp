#include "trackers/hdf5/hdf5_tracker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/text.hpp"
#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "trackers/hdf5/attributes.hpp"
#include "trackers/hdf5/resumed_run.hpp"
#include "tracking/tracker_options.hpp"

namespace ranklog::trackers {
namespace {

// What a block is: few calls for many rows, and a buffer that stays small.
constexpr std::size_t rows_per_block = 8192;
constexpr std::size_t max_bytes_waiting = 32u << 20;
// Rows that come this fast are flushed before a second has passed, so that what waits for a flush
// in memory stays the same all the time.
constexpr std::int64_t default_flush_rows = 65536;
constexpr std::int64_t max_flush_rows = 1'000'000;
// Opening a dataset again costs more than writing a block to it; holding one open takes about 3 kB.
constexpr std::size_t max_open_series = 256;
constexpr auto path_check_interval = std::chrono::seconds(1);
constexpr std::int64_t default_max_pending_bytes = 256 << 20;
// Writing by the clock takes at most a tenth of the time, however many metrics there are.
constexpr int pause_per_write = 9;

double seconds_since_epoch() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

struct Syncs {
  h5::Durability periodic;
  h5::Durability asked_for;
};

Syncs parse_sync(const std::string& sync) {
  using h5::Durability;
  if (sync == "never") return {Durability::process, Durability::process};
  if (sync == "flush") return {Durability::process, Durability::disk};
  if (sync == "always") return {Durability::disk, Durability::disk};
  throw UsageError(fmt::format("hdf5: sync is '{}'; give never, flush or always", sync));
}

}  // namespace

std::unique_ptr<GeneralTracker> make_hdf5_tracker() { return std::make_unique<Hdf5Tracker>(); }

Hdf5Tracker::~Hdf5Tracker() {
  if (!file_) return;
  try {
    write_waiting(when_asked_);
    close_file();
  } catch (const std::exception&) {
    // finish() reports errors; without it there is nobody to tell.
  }
}

ThreadAffinity Hdf5Tracker::thread_affinity() const {
  return h5::is_thread_safe() ? ThreadAffinity::writer : ThreadAffinity::caller;
}

void Hdf5Tracker::read_options(const Config& given) {
  tracking::OptionReader options("hdf5", given);
  const double interval_s = options.number("flush_interval_s", 1.0);
  const std::int64_t flush_rows = options.integer("flush_rows", default_flush_rows);
  const std::int64_t max_pending = options.integer("max_pending_bytes", default_max_pending_bytes);
  const std::string sync = options.text("sync", "flush");
  options.reject_unknown();
  if (!(interval_s >= 0 && interval_s <= 1e6)) {
    throw UsageError(
        fmt::format("hdf5: flush_interval_s is {}; give seconds from 0 to 1e6", interval_s));
  }
  if (flush_rows < 1 || flush_rows > max_flush_rows) {
    throw UsageError(fmt::format("hdf5: flush_rows is {}; give a number from 1 to {}", flush_rows,
                                 max_flush_rows));
  }
  if (max_pending < 0) {
    throw UsageError(
        fmt::format("hdf5: max_pending_bytes is {}; give a number of bytes from 0", max_pending));
  }
  flush_rows_ = static_cast<std::size_t>(flush_rows);
  max_pending_bytes_ = static_cast<std::size_t>(max_pending);
  periodically_ = parse_sync(sync).periodic;
  when_asked_ = parse_sync(sync).asked_for;
  flush_interval_ =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(interval_s));
}

void Hdf5Tracker::start(const TrackerContext& context) {
  read_options(context.options);
  if (context.run_dir.empty()) {
    throw MissingLoggingDirError("hdf5: needs a directory; give project_dir or logging_dir");
  }
  const h5::QuietErrors quiet;
  const std::filesystem::path path = context.run_dir / h5::run_file_name;
  try {
    const bool goes_on = context.is_resumed && std::filesystem::exists(path);
    file_ = goes_on ? hdf5::OutputFile::reopen(path, context, seconds_since_epoch())
                    : std::make_unique<hdf5::OutputFile>(path, context, seconds_since_epoch());
    if (goes_on) take_over();
  } catch (const h5::CallFailed& failure) {
    throw IoError(fmt::format("hdf5: cannot start {}: {}", escape_unprintable(path.string()),
                              escape_unprintable(failure.what())));
  }
  next_write_ = Clock::now() + flush_interval_;
}

void Hdf5Tracker::take_over() {
  try {
    hdf5::ResumedRun run = hdf5::take_over(*file_, placement_);
    continued_ = std::move(run.series);
    tables_ = std::move(run.tables);
    next_index_ = run.next_index;
    n_series_ = continued_.size();
    summarize_continued();
    const h5::CommitFailure failure = file_->flush(when_asked_);
    if (failure) throw h5::CallFailed(std::strerror(failure.error));
  } catch (...) {
    file_->give_up();
    throw;
  }
}

void Hdf5Tracker::summarize_continued() {
  std::vector<const hdf5::Series*> numbers;
  for (const auto& [key, series] : continued_) {
    if (!series->is_text()) numbers.push_back(series.get());
  }
  std::sort(numbers.begin(), numbers.end(),
            [](const auto* a, const auto* b) { return a->index() < b->index(); });
  for (const hdf5::Series* const one : numbers) summary_.add(*one);
  summary_.write(*file_);
}

std::optional<std::int64_t> Hdf5Tracker::next_step(const std::filesystem::path& run_dir) {
  const std::filesystem::path path = run_dir / h5::run_file_name;
  if (!std::filesystem::exists(path)) return 0;
  const h5::QuietErrors quiet;
  try {
    return hdf5::next_step_of(path);
  } catch (const std::runtime_error& error) {  // HDF5's or the system's
    throw IoError(fmt::format("hdf5: cannot resume {}: {}", escape_unprintable(path.string()),
                              escape_unprintable(error.what())));
  }
}

void Hdf5Tracker::fail(const char* action, const std::string& cause) const {
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
    file_->give_up();
    const std::size_t n_lost = drop_waiting() + std::exchange(n_rows_pending_, 0);
    n_rows_lost_ += n_lost;
    fail(action,
         fmt::format("{}; {} rows are lost, and the file gets no more", failure.what(), n_lost));
  }
}

void Hdf5Tracker::store_init_configuration(const Config& config) {
  if (!file_ || is_broken_) return;
  guarded("write the configuration to", [&] {
    file_->put_config_aside();
    const h5::Group group = hdf5::make_group(file_->id(), h5::config_group + 1);
    hdf5::write_config(group.get(), config);
  });
  commit(periodically_);
}

void Hdf5Tracker::log(const Record& record, const Config& options) {
  (void)options;
  if (!file_) return;
  if (is_broken_) {
    ++n_rows_lost_;
    return;
  }
  add(record);
  write_if_due();
}

void Hdf5Tracker::log_block(const RecordBlock& block) {
  if (!file_ || block.n_rows() == 0) return;
  if (is_broken_) {
    n_rows_lost_ += block.n_rows();
    return;
  }
  block_keys_.metrics.resize(block.metrics.size());
  for (std::size_t i = 0; i < block.metrics.size(); ++i) {
    block_keys_.metrics[i].info = block.metrics[i].info;
  }
  prepare_tables(block_keys_);
  for (const BlockColumn& column : block.metrics) {
    const auto& series = series_by_index_[column.info->index];
    if (series) n_bytes_waiting_ += series->add(column);
  }
  for (hdf5::Table* const table : touched_) {
    table->add_rows(block.row_step, block.time);
    most_rows_waiting_ = std::max(most_rows_waiting_, table->n_rows_waiting());
  }
  report_rejection();
  write_if_due();
}

void Hdf5Tracker::report_rejection() {
  if (!rejection_.empty()) throw ConflictError(std::exchange(rejection_, {}));
}

void Hdf5Tracker::write_if_due() {
  if (most_rows_handed_over_ + most_rows_waiting_ >= flush_rows_ || Clock::now() >= next_write_) {
    write_waiting(periodically_);
  } else if (most_rows_waiting_ >= rows_per_block || n_bytes_waiting_ >= max_bytes_waiting) {
    hand_over();
    // What changes in place waits in memory, and so does all that the disk refuses.
    if (file_->n_bytes_waiting() >= max_bytes_waiting) write_waiting(periodically_);
  }
}

std::unique_ptr<hdf5::Series> Hdf5Tracker::continued_or_new(
    const std::shared_ptr<const MetricInfo>& info) {
  const auto known = continued_.find(info->key);
  if (known == continued_.end()) {
    ++n_series_;
    auto series = std::make_unique<hdf5::Series>(info, file_->n_ranks(), next_index_++);
    if (!series->is_text()) summary_.add(*series);
    return series;
  }
  known->second->go_on_as(info);
  auto series = std::move(known->second);
  continued_.erase(known);
  return series;
}

hdf5::Series* Hdf5Tracker::series_of(const Metric& metric) {
  const std::size_t index = metric.info->index;
  if (index >= series_by_index_.size()) series_by_index_.resize(index + 1);
  auto& series = series_by_index_[index];
  if (!series) {
    if (rejected_.contains(index)) return nullptr;
    try {
      series = continued_or_new(metric.info);
    } catch (const ConflictError& error) {
      rejected_.insert(index);
      rejection_ = error.what();
      return nullptr;
    }
  }
  series->check(metric);
  return series.get();
}

void Hdf5Tracker::prepare_tables(const Record& record) {
  ++n_records_;
  touched_.clear();
  std::vector<hdf5::Series*> fresh;
  for (const Metric& metric : record.metrics) {
    hdf5::Series* const found = series_of(metric);
    if (found == nullptr) continue;
    hdf5::Series& series = *found;
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
    const auto& series = series_by_index_[metric.info->index];
    if (series) n_bytes_waiting_ += series->add(metric);
  }
  for (hdf5::Table* const table : touched_) {
    table->add_row(record.row_step, record.time);
    most_rows_waiting_ = std::max(most_rows_waiting_, table->n_rows_waiting());
  }
  report_rejection();
}

std::size_t Hdf5Tracker::n_rows_waiting() const noexcept {
  std::size_t n_rows = 0;
  for (const auto& table : tables_) n_rows += table->n_rows_waiting();
  return n_rows;
}

std::size_t Hdf5Tracker::drop_waiting() noexcept {
  const std::size_t n_rows = n_rows_waiting();
  for (const auto& table : tables_) table->clear();
  n_bytes_waiting_ = 0;
  most_rows_waiting_ = 0;
  return n_rows;
}

void Hdf5Tracker::hand_over() {
  if (is_failing_ && file_->n_bytes_waiting() + n_bytes_waiting_ > max_pending_bytes_) {
    n_rows_lost_ += drop_waiting();
  }
  const bool keep_open = n_series_ <= max_open_series;
  const std::size_t n_rows = n_rows_waiting();
  guarded("write to", [&] {
    file_->fit_metadata_cache(n_series_);
    for (const auto& table : tables_) table->write(*file_, placement_, n_series_, keep_open);
  });
  n_rows_pending_ += n_rows;
  most_rows_handed_over_ += most_rows_waiting_;
  n_bytes_waiting_ = 0;
  most_rows_waiting_ = 0;
}

void Hdf5Tracker::write_waiting(h5::Durability durability) {
  if (is_broken_) return;
  const Clock::time_point begin = Clock::now();
  next_write_ = begin + flush_interval_;
  hand_over();
  guarded("write to", [&] { summary_.write(*file_); });
  commit(durability);
  const Clock::time_point end = Clock::now();
  next_write_ = end + std::max(flush_interval_, pause_per_write * (end - begin));
}

void Hdf5Tracker::commit(h5::Durability durability) {
  h5::CommitFailure failure;
  guarded("write to", [&] { failure = file_->flush(durability); });
  most_rows_handed_over_ = 0;
  if (!failure || failure.is_committed) n_rows_pending_ = 0;
  if (failure) {
    report_failure(failure);
    return;
  }
  is_failing_ = false;
  check_path();
}

// Once, until writing works again.
void Hdf5Tracker::report_failure(const h5::CommitFailure& failure) {
  if (std::exchange(is_failing_, true)) return;
  if (failure.is_committed) {
    fail(failure.action,
         fmt::format("{}; what is missing is in the journal beside it, so nothing is lost, and it "
                     "is tried again at every flush",
                     std::strerror(failure.error)));
  }
  fail(failure.action,
       fmt::format("{}; {} rows wait in memory, and it is tried again at every flush",
                   std::strerror(failure.error), n_rows_pending_));
}

void Hdf5Tracker::check_path() {
  const Clock::time_point now = Clock::now();
  if (has_reported_path_ || now < next_path_check_) return;
  next_path_check_ = now + path_check_interval;
  const std::string trouble = file_->trouble_with_path();
  if (trouble.empty()) return;
  has_reported_path_ = true;
  fail("find", trouble);
}

void Hdf5Tracker::flush() {
  if (file_) write_waiting(when_asked_);
}

void Hdf5Tracker::write_closing_facts(const RunOutcome& outcome) {
  summary_.write(*file_, true);
  hdf5::replace_attribute(file_->id(), "status", to_string(outcome.status));
  if (!outcome.reason.empty()) {
    hdf5::write_attribute(file_->id(), "status_reason", outcome.reason);
  }
}

void Hdf5Tracker::close_file() {
  const h5::QuietErrors quiet;
  summary_.close();
  tables_.clear();
  series_by_index_.clear();
  continued_.clear();
  const std::unique_ptr<hdf5::OutputFile> file = std::move(file_);
  const std::string path = escape_unprintable(file->path().string());
  h5::CommitFailure failure;
  try {
    failure = file->close(when_asked_);
  } catch (const h5::CallFailed& call) {
    throw IoError(fmt::format("hdf5: cannot close {}: {}", path, escape_unprintable(call.what())));
  }
  if (!failure.is_committed) n_rows_lost_ += n_rows_pending_;
  std::string loss;
  if (n_rows_lost_ > 0) {
    loss = fmt::format("{} rows could not be written to {}", n_rows_lost_, path);
  } else if (failure) {
    loss = fmt::format("the summary and status of {} could not be written", path);
  }
  if (loss.empty()) return;
  if (failure) loss += fmt::format(": {}", std::strerror(failure.error));
  if (failure.is_pending) {
    loss +=
        "; the last flush that worked is in the journal beside the file: keep both, and run "
        "`ranklog recover` when the disk works again";
  }
  throw IoError("hdf5: " + loss);
}

void Hdf5Tracker::finish(const RunOutcome& outcome) {
  if (!file_) return;
  std::string first_error;
  try {
    write_waiting(when_asked_);
  } catch (const IoError& error) {
    first_error = error.what();
  }
  try {
    if (!is_broken_) guarded("finish", [&] { write_closing_facts(outcome); });
    if (!is_broken_) commit(when_asked_);
  } catch (const IoError& error) {
    if (first_error.empty()) first_error = error.what();
  }
  close_file();
  if (!first_error.empty()) throw IoError(first_error);
}

NativeHandle Hdf5Tracker::native() {
  if (!file_) return {};
  return native_handle(file_->native_id());
}

}  // namespace ranklog::trackers
