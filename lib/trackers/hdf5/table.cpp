#include "trackers/hdf5/table.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "trackers/hdf5/attributes.hpp"
#include "trackers/hdf5/output_file.hpp"
#include "trackers/hdf5/row_copy.hpp"

namespace ranklog::trackers::hdf5 {
namespace {

using h5::checked;

// Few metrics get long chunks at once; many get short ones, so that what is left empty in all of
// them together stays near this many rows.
constexpr std::size_t max_empty_rows = 16384;
constexpr std::size_t min_chunk_rows = 16;
constexpr std::size_t max_first_chunk_rows = 256;
constexpr std::size_t max_chunk_rows = 4096;
constexpr std::size_t many_series = 256;
constexpr std::size_t max_chunk_rows_of_many = 128;
constexpr std::size_t row_step = 4;  // chunks hold just what waited at the first write
constexpr hsize_t rows_per_copy = 8192;

}  // namespace

Table::Table(std::vector<Series*> series) : series_(std::move(series)) {
  for (Series* const one : series_) one->table = this;
}

void Table::adopt(const OutputFile& file, hsize_t n_rows) {
  const std::string& home = series_.front()->path();
  step_.adopt(file, home);
  time_.adopt(file, home);
  n_rows_written_ = n_rows;
  chunk_rows_ = chunk_rows_of(file.id(), home + "/step");
  list_step_uses(file);
}

void Table::add_row(std::int64_t step, double time) {
  step_.add(step);
  time_.add(time);
  ++n_rows_waiting_;
}

void Table::add_rows(const std::vector<std::int64_t>& steps, const std::vector<double>& times) {
  step_.add_all(steps);
  time_.add_all(times);
  n_rows_waiting_ += steps.size();
}

void Table::clear() noexcept {
  step_.clear();
  time_.clear();
  for (Series* const one : series_) one->clear();
  n_rows_waiting_ = 0;
}

hsize_t Table::choose_chunk_rows(std::size_t n_series_of_run) const noexcept {
  if (chunk_rows_ != 0) return chunk_rows_;
  const std::size_t least = std::clamp(max_empty_rows / std::max<std::size_t>(n_series_of_run, 1),
                                       min_chunk_rows, max_first_chunk_rows);
  const std::size_t most = n_series_of_run > many_series ? max_chunk_rows_of_many : max_chunk_rows;
  const std::size_t n_chunks = (n_rows_waiting_ + most - 1) / most;
  const std::size_t even = (n_rows_waiting_ + n_chunks - 1) / std::max<std::size_t>(n_chunks, 1);
  return std::clamp((even + row_step - 1) / row_step * row_step, least, most);
}

// Each metric is created, written and closed before the next, as an open dataset takes 20 kB.
void Table::write(OutputFile& file, Placement& placement, std::size_t n_series_of_run,
                  bool keep_open) {
  if (n_rows_waiting_ == 0) return;
  const bool is_new = !is_created();
  if (is_new) chunk_rows_ = choose_chunk_rows(n_series_of_run);
  bool has_new_datasets = is_new;
  for (Series* const one : series_) {
    if (is_new) create(file, placement, *one);
    has_new_datasets |= one->write(file, chunk_rows_, n_rows_written_, step_);
    if (!keep_open) one->close_datasets();
  }
  const std::string& home = series_.front()->path();
  time_.write(file, home, n_rows_written_);
  step_.write(file, home, n_rows_written_);
  if (has_new_datasets) list_step_uses(file);
  if (!keep_open) {
    step_.close();
    time_.close();
  }
  n_rows_written_ += n_rows_waiting_;
  n_rows_waiting_ = 0;
}

void Table::create(OutputFile& file, Placement& placement, Series& one) {
  GroupTree& tree = one.is_text() ? placement.texts : placement.metrics;
  const std::string root = one.is_text() ? h5::text_group : h5::metrics_group;
  const h5::Group group = one.create_group(file, root + '/' + tree.place(one.info().key));
  if (&one == series_.front()) {
    create_step_and_time(file, group.get());
  } else {
    link_step_and_time(file, group.get());
  }
  one.create_columns(file, group.get(), chunk_rows_, step_.reference());
}

void Table::create_step_and_time(const OutputFile& file, hid_t group) {
  step_.create(file, group, chunk_rows_, {});
  make_scale(step_.dataset(), "step");
  time_.create(file, group, chunk_rows_, {step_.reference()});
  write_attribute(time_.dataset(), "units", "seconds since 1970-01-01T00:00:00Z");
}

void Table::link_step_and_time(const OutputFile& file, hid_t group) const {
  const std::string& home = series_.front()->path();
  for (const Column* const column : {&step_, &time_}) {
    const std::string target = home + '/' + column->name();
    checked(
        H5Lcreate_hard(file.id(), target.c_str(), group, column->name(), H5P_DEFAULT, H5P_DEFAULT),
        "link", target);
  }
}

void Table::list_step_uses(const OutputFile& file) {
  std::vector<ScaleUse> uses{{time_.reference(), 0}};
  for (const Series* const one : series_) one->list_step_uses(uses);
  const std::string path = series_.front()->path() + "/step";
  const h5::Dataset step(
      checked(H5Dopen2(file.id(), path.c_str(), file.dataset_access()), "open dataset", path));
  list_uses(step.get(), uses);
}

std::unique_ptr<Table> Table::split(OutputFile& file, std::uint64_t record) {
  const auto middle = std::stable_partition(series_.begin(), series_.end(), [&](const Series* one) {
    return one->last_record == record;
  });
  const bool moves_present = middle - series_.begin() < series_.end() - middle;
  std::vector<Series*> movers(moves_present ? series_.begin() : middle,
                              moves_present ? middle : series_.end());
  series_.erase(moves_present ? series_.begin() : middle, moves_present ? middle : series_.end());
  auto table = std::make_unique<Table>(std::move(movers));
  table->step_.copy_waiting_from(step_);
  table->time_.copy_waiting_from(time_);
  table->n_rows_waiting_ = n_rows_waiting_;
  if (is_created()) table->move_columns(file, *this);
  return table;
}

// Gives this table's groups, which still show the old table's step and time, their own.
void Table::move_columns(OutputFile& file, Table& from) {
  chunk_rows_ = from.chunk_rows_;
  for (Series* const one : series_) {
    const h5::Group group(
        checked(H5Gopen2(file.id(), one->path().c_str(), H5P_DEFAULT), "open group", one->path()));
    for (const char* const name : {"step", "time"}) {
      checked(H5Ldelete(group.get(), name, H5P_DEFAULT), "replace dataset", name);
    }
    if (one == series_.front()) {
      create_step_and_time(file, group.get());
      copy_rows(file, from);
    } else {
      link_step_and_time(file, group.get());
    }
    one->attach(file, step_.reference());
  }
  list_step_uses(file);
  from.list_step_uses(file);
}

void Table::copy_rows(OutputFile& file, Table& from) {
  const std::string& old_home = from.series_.front()->path();
  const std::string& home = series_.front()->path();
  const auto copy = [&](Column& target, Column& source, hsize_t first_row, hsize_t n_rows) {
    std::vector<std::int64_t> cells(n_rows);  // 8 bytes of either column, copied as they are
    source.read(file, old_home, first_row, n_rows, cells.data());
    Column waiting(target.name(), Cell::real);
    waiting.copy_waiting_from(target);
    target.clear();
    for (const std::int64_t cell : cells) target.add(cell);
    target.write(file, home, first_row);
    target.copy_waiting_from(waiting);
  };
  while (n_rows_written_ < from.n_rows_written_) {
    const hsize_t n_rows = std::min(rows_per_copy, from.n_rows_written_ - n_rows_written_);
    copy(step_, from.step_, n_rows_written_, n_rows);
    copy(time_, from.time_, n_rows_written_, n_rows);
    n_rows_written_ += n_rows;
  }
}

}  // namespace ranklog::trackers::hdf5
