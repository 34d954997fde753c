#include "trackers/wandb/history.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <utility>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "trackers/support/json_text.hpp"
#include "trackers/support/run_output.hpp"
#include "trackers/wandb/metric_definitions.hpp"
#include "trackers/wandb/run_log.hpp"
#include "wandb_record.pb.h"

namespace ranklog::trackers::wandb {
namespace {

constexpr auto open_for = std::chrono::seconds(1);
constexpr auto ahead_open_for = std::chrono::minutes(1);
constexpr double max_runtime_s = 1e9;  // of earlier attempts; more is damage

std::string json_of(double value) {
  std::string out;
  append_json(out, value, NonFinite::bare_word);
  return out;
}

template <class Items>
void add_item(Items& items, std::string_view key, std::string_view json) {
  auto& item = *items.Add();
  item.set_key(key.data(), key.size());
  item.set_value_json(json.data(), json.size());
}

// Does not find the keys that W&B itself adds, because no value is logged under them.
int find_item(const wandb_proto::History& row, std::string_view key) {
  const auto& items = row.item();
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.key() == key; });
  return found == items.end() ? -1 : static_cast<int>(found - items.begin());
}

// A key's part of the summary file; empty if there is none.
std::string defined_json(const MetricDefinition& definition, const SummaryNumbers& numbers) {
  std::string out;
  for (const auto& word : definition.summary) {
    const auto json = numbers.json(word);
    if (json) out += (out.empty() ? "{" : ", ") + json_quote(word) + ": " + *json;
  }
  return out.empty() ? out : out + "}";
}

}  // namespace

History::History(RunLog& log, double begun, bool is_replay)
    : log_(log), begun_(begun), is_replay_(is_replay), start_(begun), newest_time_(begun) {}

History::~History() = default;

void History::define(const MetricDefinitions& definitions) {
  if (definitions.empty()) return;
  definitions_ = &definitions;
  for (const auto& step : definitions.step_metrics()) x_axes_[step] = "";
  for (auto& record : definitions.records()) log_.write(record);
}

void History::take_written(const wandb_proto::History& row) {
  newest_step_ = std::max(newest_step_, row.step().num());
  for (const auto& item : row.item()) {
    if (item.key() == "_timestamp" || item.key() == "_step") continue;
    if (item.key() == "_runtime") {
      const double runtime = std::strtod(item.value_json().c_str(), nullptr);
      if (runtime >= 0 && runtime <= max_runtime_s && !is_replay_) {
        start_ = std::min(start_, begun_ - runtime);
      }
      continue;
    }
    Cell& cell = cell_of(item.key());
    cell.json = item.value_json();
    cell.step = row.step().num();
    cell.row = 0;
    cell.is_changed = true;
    if (cell.numbers) cell.numbers->add(cell.json);
    if (const auto x = x_axes_.find(item.key()); x != x_axes_.end()) x->second = cell.json;
  }
}

bool History::begin(std::optional<std::int64_t> step, double time, Source source) {
  const std::int64_t wanted = step.value_or(is_committed_ ? newest_step_ + 1 : newest_step_);
  if (wanted < first_step_) return false;
  newest_step_ = std::max(newest_step_, wanted);
  if (source == Source::record) newest_record_ = std::max(newest_record_, wanted);
  open_step_ = wanted;
  is_committed_ = false;
  const auto [row, is_new] = rows_.try_emplace(wanted);
  is_new_row_ = is_new;
  row_ = &row->second;
  if (is_new) {
    if (spare_.empty()) spare_.push_back(std::make_unique<wandb_proto::Record>());
    row_->record = std::move(spare_.back());
    spare_.pop_back();
    row_->serial = ++n_rows_;
    row_->record->mutable_history()->Clear();
    row_->record->mutable_history()->mutable_step()->set_num(wanted);
  }
  row_->time = std::isfinite(time) ? time : support::now_s();
  row_->touched = Clock::now();
  newest_time_ = std::max(newest_time_, row_->time);
  write_settled();
  return true;
}

History::Cell& History::cell_of(std::string_view key) {
  const auto found = cells_.find(key);
  if (found != cells_.end()) return found->second;
  Cell& cell = cells_.emplace(std::string(key), Cell{}).first->second;
  if (definitions_ == nullptr) return cell;
  cell.definition = definitions_->find(key);
  if (cell.definition == nullptr) return cell;
  if (!cell.definition->summary.empty()) cell.numbers = std::make_shared<SummaryNumbers>();
  auto record = metric_record(key, *cell.definition);
  log_.write(record);
  return cell;
}

// As the SDK does before it writes a row: keys with an x axis of their own take its newest value
// along, because `wandb sync` adds nothing.
void History::apply_definitions(wandb_proto::History& row) {
  for (const auto& item : row.item()) {
    if (const auto x = x_axes_.find(item.key()); x != x_axes_.end()) x->second = item.value_json();
  }
  const int n_items = row.item_size();
  for (int i = 0; i < n_items; ++i) {
    Cell& cell = cell_of(row.item(i).key());
    if (cell.numbers) {
      cell.numbers->add(row.item(i).value_json());
      cell.is_changed = true;
    }
    if (cell.definition == nullptr || cell.definition->step_metric.empty()) continue;
    const std::string& axis = cell.definition->step_metric;
    const std::string& value = x_axes_[axis];
    if (!value.empty() && find_item(row, axis) < 0) add_item(*row.mutable_item(), axis, value);
  }
}

void History::set(std::string_view key, std::string_view json) {
  auto& row = *row_->record->mutable_history();
  const std::int64_t step = row.step().num();
  Cell& cell = cell_of(key);
  int item = -1;
  if (cell.row == row_->serial) {
    item = cell.item;
  } else if (!is_new_row_) {
    item = find_item(row, key);
  }
  if (item >= 0) {
    row.mutable_item(item)->set_value_json(json.data(), json.size());
  } else {
    item = row.item_size();
    add_item(*row.mutable_item(), key, json);
  }
  if (step < cell.step) return;
  cell.step = step;
  cell.row = row_->serial;
  cell.item = item;
  cell.json = json;
  cell.is_changed = true;
}

void History::write_row(std::map<std::int64_t, Row>::iterator row) {
  const std::int64_t step = row->first;
  const double time = row->second.time;
  auto record = std::move(row->second.record);
  if (row_ == &row->second) row_ = nullptr;
  rows_.erase(row);
  first_step_ = step;
  if (definitions_ != nullptr) apply_definitions(*record->mutable_history());
  auto& items = *record->mutable_history()->mutable_item();
  add_item(items, "_step", std::to_string(step));
  add_item(items, "_runtime", json_of(time - start_));
  add_item(items, "_timestamp", json_of(time));
  spare_.push_back(std::move(record));
  log_.write(*spare_.back());
}

void History::write_settled() {
  const auto now = Clock::now();
  std::exception_ptr failure;
  while (rows_.size() > 1) {
    const auto row = rows_.begin();
    const bool is_ahead = row->first > newest_record_;
    const auto latest = is_ahead ? now - ahead_open_for : now - open_for;
    const bool is_settled = row->second.touched < latest || rows_.size() > max_open_rows;
    if (!is_settled || &row->second == row_) break;
    try {
      write_row(row);
    } catch (const Error&) {
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void History::write_all() {
  std::exception_ptr failure;
  while (!rows_.empty()) {
    try {
      write_row(rows_.begin());
    } catch (const Error&) {
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void History::write_summary() {
  wandb_proto::Record record;
  auto& updates = *record.mutable_summary()->mutable_update();
  for (auto& [key, cell] : cells_) {
    if (!cell.is_changed) continue;
    cell.is_changed = false;
    if (!cell.numbers) {
      add_item(updates, key, cell.json);
      continue;
    }
    for (const auto& word : cell.definition->summary) {
      const auto json = cell.numbers->json(word);
      if (!json) continue;
      auto& item = *updates.Add();
      item.add_nested_key(key);
      item.add_nested_key(word);
      item.set_value_json(*json);
    }
  }
  if (updates.empty()) return;
  add_item(updates, "_step", std::to_string(newest_step_));
  add_item(updates, "_runtime", json_of(runtime()));
  add_item(updates, "_timestamp", json_of(newest_time_));
  auto& runtime_s = *updates.Add();
  runtime_s.add_nested_key("_wandb");
  runtime_s.add_nested_key("runtime");
  runtime_s.set_value_json(std::to_string(static_cast<std::int64_t>(runtime())));
  log_.write(record);
}

std::string History::summary_json() const {
  const std::map<std::string_view, const Cell*> sorted = [&] {
    std::map<std::string_view, const Cell*> cells;
    for (const auto& [key, cell] : cells_) cells.emplace(key, &cell);
    return cells;
  }();
  std::string out = "{";
  for (const auto& [key, cell] : sorted) {
    const auto json = cell->numbers ? defined_json(*cell->definition, *cell->numbers) : cell->json;
    if (!json.empty()) out += json_quote(key) + ": " + json + ", ";
  }
  out += "\"_step\": " + std::to_string(newest_step_) + ", \"_runtime\": " + json_of(runtime()) +
         ", \"_timestamp\": " + json_of(newest_time_) + "}\n";
  return out;
}

}  // namespace ranklog::trackers::wandb
