#include "accelerator/recorder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "ranklog/key.hpp"

namespace ranklog {
namespace {

using reduce::Cell;
using reduce::KeyProgress;
using reduce::Row;

Kind kind_of(const Value& value) {
  switch (value.tag()) {
    case Value::Tag::integer:
      return Kind::integer;
    case Value::Tag::boolean:
      return Kind::boolean;
    case Value::Tag::text:
      return Kind::text;
    case Value::Tag::numbers:
      return value.numbers().is_integer() ? Kind::integer : Kind::real;
    case Value::Tag::accumulated:
      return value.is_accumulated_integer() ? Kind::integer : Kind::real;
    default:
      return Kind::real;
  }
}

// Nothing to count: as if the key had not been logged.
bool is_empty(const Value& value) {
  return value.weight() == 0 || (value.tag() == Value::Tag::numbers && value.numbers().n == 0);
}

// Text and numbers of one key cannot be merged; that they met is reported as a conflict.
bool is_mergeable(const Value& value, const reduce::KeyEntry& entry) {
  return (value.tag() == Value::Tag::text) == (entry.info->kind == Kind::text);
}

// Under NanPolicy::skip a NaN is neither first nor last, unless there is nothing else.
void add_skipped_nan(double weight, std::int32_t rank, Accumulator& numbers) {
  Accumulator one;
  one.add_real(std::numeric_limits<double>::quiet_NaN(), weight, rank);
  one.moments.first_rank = std::numeric_limits<std::int32_t>::max();
  one.moments.last_rank = -1;
  numbers.merge(one);
}

void add_numbers(const Value& value, const MetricInfo& info, Cell& cell, std::int32_t rank) {
  const double weight = value.weight();
  if (info.order == Order::reproducible) cell.exact.emplace_back();
  const auto add_real = [&](double number) {
    if (info.nan == NanPolicy::skip && std::isnan(number)) {
      add_skipped_nan(weight, rank, cell.numbers);
    } else {
      cell.numbers.add_real(number, weight, rank);
    }
    for (auto& exact : cell.exact) exact.add_real(number, weight);
  };
  const auto add_integer = [&](std::int64_t number) {
    cell.numbers.add_integer(number, weight, rank);
    for (auto& exact : cell.exact) exact.add_integer(number, weight);
  };
  switch (value.tag()) {
    case Value::Tag::real:
      add_real(value.real());
      break;
    case Value::Tag::integer:
    case Value::Tag::boolean:
      add_integer(value.integer());
      break;
    case Value::Tag::numbers: {
      const auto& span = value.numbers();
      for (std::size_t i = 0; i < span.n; ++i) {
        if (span.is_integer()) {
          add_integer(span.integer(i));
        } else {
          add_real(span.real(i));
        }
      }
      break;
    }
    case Value::Tag::accumulated: {
      Accumulator part = value.accumulator();
      if (info.nan == NanPolicy::skip && part.moments.nan_count == part.moments.count) {
        part.moments.first_rank = std::numeric_limits<std::int32_t>::max();
        part.moments.last_rank = -1;
      }
      cell.numbers.merge(part);
      break;
    }
    default:
      break;
  }
}

RankPart part_of(const Value& value, std::int32_t rank) {
  RankPart part;
  part.rank = rank;
  switch (value.tag()) {
    case Value::Tag::real:
      part.reals = {value.real()};
      break;
    case Value::Tag::integer:
    case Value::Tag::boolean:
      part.integers = {value.integer()};
      break;
    case Value::Tag::text:
      part.text = value.text();
      break;
    case Value::Tag::numbers: {
      const auto& span = value.numbers();
      for (std::size_t i = 0; i < span.n; ++i) {
        if (span.is_integer()) {
          part.integers.push_back(span.integer(i));
        } else {
          part.reals.push_back(span.real(i));
        }
      }
      break;
    }
    default:
      break;
  }
  return part;
}

double wall_clock_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

KeyProgress& progress_of(reduce::KeyEntry& entry, RowKind kind) {
  if (kind == RowKind::direct) return entry.direct;
  return kind == RowKind::reduced ? entry.reduced : entry.main_only;
}

}  // namespace

Row Recorder::make_row(const Values& values, std::optional<std::int64_t> step, RowKind kind,
                       const SourceLocation& where) {
  ++n_calls_;
  where_ = &where;
  leaves_.clear();
  std::string prefix;
  collect(values.items(), prefix);
  if (step && *step < 0) {
    throw InvalidStepError(
        fmt::format("log() on rank {}: step {} is negative{}", rank_, *step, call_site()));
  }
  if (step && *step < first_step_ && kind != RowKind::direct) {
    throw InvalidStepError(fmt::format(
        "log() on rank {}: step {} is before step {}, from which this run was resumed; pass the "
        "step to go on from as from_step to init_trackers{}",
        rank_, *step, first_step_, call_site()));
  }
  for (const auto& leaf : leaves_) {
    check_step(leaf, step, kind);
    check_definition(leaf, kind);
  }
  // Nothing throws from here on, so that a call that is refused leaves no trace.
  for (const auto& leaf : leaves_) {
    auto definition = definition_of(leaf);
    if (kind == RowKind::reduced) definition.has_steps = step.has_value();
    keys_.define(leaf.key, definition);
  }

  Row row;
  row.has_step = step.has_value();
  row.step = step ? *step : next_own_step(kind);
  row.time = wall_clock_s();
  row.time_rank = rank_;
  row.cells.reserve(leaves_.size());
  for (const auto& leaf : leaves_) {
    if (is_empty(leaf.value) || !is_mergeable(leaf.value, keys_.at(leaf.key))) continue;
    row.cells.push_back(make_cell(leaf, row.step, row.has_step, kind));
  }
  return row;
}

Row Recorder::make_own_row(const Values& values) {
  is_own_row_ = true;
  Row row = make_row(values, std::nullopt, RowKind::reduced, SourceLocation{});
  is_own_row_ = false;
  return row;
}

void Recorder::collect(std::span<const Item> items, std::string& prefix) {
  for (const auto& item : items) {
    const auto n_prefix = prefix.size();
    prefix += item.key;
    if (item.value.tag() == Value::Tag::nested) {
      prefix += '/';
      collect(item.value.nested(), prefix);
    } else {
      const auto key = intern(prefix);
      auto& entry = keys_.at(key);
      if (entry.last_call == n_calls_) {
        throw UsageError(fmt::format("log() on rank {}: key '{}' stands twice in one dictionary{}",
                                     rank_, escape_unprintable(prefix), call_site()));
      }
      entry.last_call = n_calls_;
      leaves_.push_back({key, item.value});
    }
    prefix.resize(n_prefix);
  }
}

reduce::LocalKey Recorder::intern(std::string_view key) {
  const bool is_open = is_own_row_ || !key.starts_with(reserved_key_prefix);
  if (const auto known = keys_.find(key); known && is_open) return *known;
  try {
    if (!is_open) validate_key(key);
    return keys_.intern(key);
  } catch (const InvalidKeyError& error) {
    throw InvalidKeyError(fmt::format("log() on rank {}: {}{}", rank_, error.what(), call_site()));
  }
}

reduce::KeyDefinition Recorder::definition_of(const Leaf& leaf) const {
  return {kind_of(leaf.value), leaf.value.reduction(), rank_};
}

void Recorder::check_definition(const Leaf& leaf, RowKind kind) const {
  const auto& key = keys_.at(leaf.key).info->key;
  const double weight = leaf.value.weight();
  if (!std::isfinite(weight) || weight < 0) {
    throw InvalidValueError(fmt::format(
        "log() on rank {}: the weight of metric '{}' is {}; weights are finite and not negative{}",
        rank_, escape_unprintable(key), weight, call_site()));
  }
  const MetricInfo& info = *keys_.at(leaf.key).info;
  const bool is_gathered = leaf.value.reduction().value_or(info.reduction) == Reduction::gather;
  if (leaf.value.tag() == Value::Tag::accumulated &&
      (is_gathered || info.order == Order::reproducible)) {
    throw InvalidValueError(fmt::format(
        "log() on rank {}: metric '{}' is {}, and of a device tensor only the statistics come to "
        "the host; copy it to the host and log it as a std::span{}",
        rank_, escape_unprintable(key), is_gathered ? "gathered" : "summed reproducibly",
        call_site()));
  }
  const auto why = kind == RowKind::direct ? keys_.why_not_alone(leaf.key, definition_of(leaf))
                                           : keys_.why_not(leaf.key, definition_of(leaf));
  if (why.empty()) return;
  throw ConflictError(
      fmt::format("log() on rank {}: metric '{}' cannot change: {}; use one type and "
                  "one reduction for a key (1.0 is real, 1 is an integer){}",
                  rank_, escape_unprintable(key), why, call_site()));
}

void Recorder::check_step(const Leaf& leaf, std::optional<std::int64_t> step, RowKind kind) const {
  if (kind == RowKind::direct) return;
  auto& entry = keys_.at(leaf.key);
  const KeyProgress& progress = progress_of(entry, kind);
  if (!progress.is_logged) return;
  if (progress.has_steps != step.has_value()) {
    throw ConflictError(fmt::format(
        "log() on rank {}: metric '{}' was logged {} a step before and now "
        "{}; pass a step always or never{}",
        rank_, escape_unprintable(entry.info->key), progress.has_steps ? "with" : "without",
        progress.has_steps ? "without" : "with", call_site()));
  }
  if (step && *step < progress.last_step) {
    throw InvalidStepError(fmt::format(
        "log() on rank {}: metric '{}' at step {} after step {}; steps of one key must not "
        "decrease{}",
        rank_, escape_unprintable(entry.info->key), *step, progress.last_step, call_site()));
  }
}

// Rows without a step are numbered so that every key of the row moves forward.
std::int64_t Recorder::next_own_step(RowKind kind) const {
  std::int64_t next = kind == RowKind::direct ? 0 : first_step_;
  for (const auto& leaf : leaves_) {
    const KeyProgress& progress = progress_of(keys_.at(leaf.key), kind);
    if (progress.is_logged) next = std::max(next, progress.last_step + 1);
  }
  return next;
}

Cell Recorder::make_cell(const Leaf& leaf, std::int64_t step, bool has_step, RowKind kind) {
  auto& entry = keys_.at(leaf.key);
  if (kind == RowKind::reduced && !entry.reduced.is_logged) {
    ++entry.n_expected;
    keys_.note_change();
  }
  KeyProgress& progress = progress_of(entry, kind);
  const bool repeats = progress.is_logged && progress.last_step == step;
  progress.n_repeats = repeats ? progress.n_repeats + 1 : 0;
  progress.is_logged = true;
  progress.has_steps = has_step;
  progress.last_step = step;

  Cell cell;
  cell.key = leaf.key;
  cell.repeat = progress.n_repeats;
  if (entry.info->kind == Kind::text) {
    cell.text = leaf.value.text();
    cell.text_rank = rank_;
  } else {
    add_numbers(leaf.value, *entry.info, cell, rank_);
  }
  if (entry.info->reduction == Reduction::gather) cell.parts.push_back(part_of(leaf.value, rank_));
  return cell;
}

Record Recorder::to_record(const Row& row, int n_ranks) {
  Record record;
  if (row.has_step) record.step = row.step;
  record.row_step = row.step;
  record.time = row.time;
  record.n_ranks = n_ranks;
  record.metrics.reserve(row.cells.size());
  for (const auto& cell : row.cells) {
    Metric metric;
    metric.info = keys_.at(cell.key).info;
    metric.text = cell.text;
    metric.per_rank = cell.parts;
    if (!metric.is_number()) {
      metric.statistics.count = cell.n_ranks;
    } else if (!finish(cell, metric)) {
      is_warned_.resize(keys_.size());
      if (!is_warned_[metric.info->index]) {
        warnings_.push_back(
            fmt::format("the sum of '{}' at step {} exceeds int64; the largest int64 is "
                        "recorded (said once)",
                        escape_unprintable(metric.info->key), row.step));
      }
      is_warned_[metric.info->index] = true;
    }
    record.metrics.push_back(std::move(metric));
  }
  return record;
}

std::string Recorder::call_site() const {
  if (where_ == nullptr || where_->line() == 0) return {};
  return fmt::format(" (at {}:{})", where_->file_name(), where_->line());
}

}  // namespace ranklog
