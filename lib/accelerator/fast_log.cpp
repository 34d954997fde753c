#include "accelerator/fast_log.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <limits>

namespace ranklog {
namespace {

constexpr std::size_t n_seen = 256;
constexpr std::size_t max_fields = 65536;
constexpr int min_rows_between_ways = 64;

double time_of_day_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Keys are short: two loads decide up to 16 bytes, where a call of memcmp would cost more.
inline bool same_bytes(const char* a, const char* b, std::size_t n) noexcept {
  if (n < 8) {
    for (std::size_t i = 0; i < n; ++i) {
      if (a[i] != b[i]) return false;
    }
    return true;
  }
  if (n > 32) return std::memcmp(a, b, n) == 0;
  const auto load = [](const char* from) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, sizeof(word));
    return word;
  };
  for (std::size_t i = 0; i + 8 < n; i += 8) {
    if (load(a + i) != load(b + i)) return false;
  }
  return load(a + n - 8) == load(b + n - 8);
}

inline bool is_number(Value::Tag tag) noexcept {
  return tag == Value::Tag::real || tag == Value::Tag::integer || tag == Value::Tag::boolean;
}

Kind kind_of(Value::Tag tag) noexcept {
  if (tag == Value::Tag::integer) return Kind::integer;
  return tag == Value::Tag::boolean ? Kind::boolean : Kind::real;
}

std::uint64_t hash_of(std::span<const Item> items, bool has_step) {
  std::uint64_t hash = has_step ? 1 : 2;
  for (const auto& item : items) {
    hash = hash * 0x9E3779B97F4A7C15U + std::hash<std::string_view>{}(item.key);
    hash = hash * 31 + static_cast<std::uint64_t>(item.value.tag());
  }
  return hash;
}

}  // namespace

FastLog::FastLog(reduce::KeyTable& keys, reduce::Exchange& exchange, int rank)
    : keys_(keys), exchange_(exchange), rank_(rank), seen_(n_seen, 0) {
  epoch_offset_s_ = time_of_day_s() - exchange_.now_s();
}

bool FastLog::log(std::span<const Item> items, std::optional<std::int64_t> step) {
  Schema* const schema = find(items, step.has_value());
  if (schema == nullptr || exchange_.drops_rows()) return false;
  if (n_seals_ != exchange_.n_seals()) forget_sealed();
  if (!schema->is_current) make_current(*schema);
  if (step && *step <= schema->last_step) return false;  // a repeat, or an error
  if (schema->last_step == std::numeric_limits<std::int64_t>::max()) return false;
  if (schema->block == nullptr) open_block(*schema);
  reduce::Block& block = *schema->block;
  const std::uint32_t row = block.n_rows;
  if (!copy_row(*schema, items, block.slot(0) + 8 * std::size_t{row})) return false;

  const double now_s = exchange_.now_s();
  schema->last_step = step ? *step : schema->last_step + 1;
  schema->is_ahead = true;
  block.steps[row] = schema->last_step;
  block.times[row] = now_s + epoch_offset_s_;
  block.n_rows = row + 1;
  if (n_rows_since_way_ < min_rows_between_ways) ++n_rows_since_way_;
  exchange_.row_added(now_s);
  if (n_seals_ == exchange_.n_seals() && block.is_full()) close_block(*schema);
  return true;
}

bool FastLog::has_form_of(const Schema& schema, std::span<const Item> items,
                          bool has_step) const noexcept {
  if (items.size() != schema.fields.size() || has_step != schema.has_steps) return false;
  const char* text = schema.text.data();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Field& field = schema.fields[i];
    const Item& item = items[i];
    if (item.key.size() != field.n_bytes || item.value.tag() != field.tag ||
        item.value.reduction() != field.reduction ||
        !same_bytes(item.key.data(), text + field.offset, field.n_bytes)) {
      return false;
    }
  }
  return true;
}

// False if a value is not finite or has a weight.
bool FastLog::copy_row(const Schema& schema, std::span<const Item> items, std::byte* row) noexcept {
  const std::size_t slot_bytes = schema.block->slot_bytes();
  bool is_plain = true;
  for (const auto& item : items) {
    const Value& value = item.value;
    if (value.tag() == Value::Tag::real) {
      const double number = value.real();
      // x - x is 0 for finite numbers only.
      is_plain = is_plain && number - number == 0 && value.weight() == 1;
      *reinterpret_cast<double*>(row) = number;
    } else {
      is_plain = is_plain && value.weight() == 1;
      *reinterpret_cast<std::int64_t*>(row) = value.integer();
    }
    row += slot_bytes;
  }
  return is_plain;
}

FastLog::Schema* FastLog::find(std::span<const Item> items, bool has_step) noexcept {
  if (schemas_.empty()) return nullptr;
  const std::uint32_t expected = schemas_[last_]->next;
  if (has_form_of(*schemas_[expected], items, has_step)) {
    last_ = expected;
    return schemas_[expected].get();
  }
  for (std::uint32_t i = 0; i < schemas_.size(); ++i) {
    if (!has_form_of(*schemas_[i], items, has_step)) continue;
    schemas_[last_]->next = i;
    last_ = i;
    return schemas_[i].get();
  }
  return nullptr;
}

void FastLog::open_block(Schema& schema) {
  // Once a window: the two clocks may drift apart, and the time of day may be set.
  epoch_offset_s_ = time_of_day_s() - exchange_.now_s();
  schema.block = exchange_.open_block(schema.shape);
}

// Another schema, or the long way, may have logged some of the keys: takes over from them. The
// greatest of the keys' last steps stands for all: at a step up to that, the long way decides.
void FastLog::make_current(Schema& schema) {
  for (const auto index : schema.overlapping) {
    Schema& other = *schemas_[index];
    if (other.is_ahead) write_back(other);
    other.is_current = false;
    close_block(other);
  }
  std::int64_t last_step = std::numeric_limits<std::int64_t>::min();
  for (const auto key : schema.keys) {
    last_step = std::max(last_step, keys_.at(key).reduced.last_step);
  }
  schema.last_step = last_step;
  schema.is_current = true;
}

void FastLog::write_back(Schema& schema) {
  schema.is_ahead = false;
  for (const auto key : schema.keys) {
    reduce::KeyProgress& progress = keys_.at(key).reduced;
    progress.last_step = schema.last_step;
    progress.n_repeats = 0;
  }
}

void FastLog::write_back() {
  for (const auto& schema : schemas_) {
    if (schema->is_ahead) write_back(*schema);
  }
}

// Rows that share keys with this one must go first. Others go first, too, unless the long way is
// taken so often that blocks would be short; trackers then see the calls in their order.
void FastLog::make_way(const reduce::Row& row) {
  if (n_seals_ != exchange_.n_seals()) forget_sealed();
  if (n_rows_since_way_ >= min_rows_between_ways) {
    for (const auto& schema : schemas_) {
      if (schema->block != nullptr) n_rows_since_way_ = 0;
      close_block(*schema);
    }
  }
  for (const auto& cell : row.cells) {
    const auto index = static_cast<std::size_t>(cell.key);
    if (index >= schemas_of_key_.size()) continue;
    for (const auto number : schemas_of_key_[index]) {
      Schema& schema = *schemas_[number];
      schema.is_current = false;
      close_block(schema);
    }
  }
}

void FastLog::close_block(Schema& schema) {
  if (schema.block == nullptr) return;
  exchange_.seal(schema.block);
  schema.block = nullptr;
}

void FastLog::forget_sealed() noexcept {
  n_seals_ = exchange_.n_seals();
  for (const auto& schema : schemas_) schema->block = nullptr;
}

void FastLog::learn(std::span<const Item> items, bool has_step) {
  if (schemas_.size() >= max_schemas || exchange_.shapes().is_full()) return;
  if (!is_learnable(items, has_step)) return;
  const auto hash = hash_of(items, has_step);
  auto& seen = seen_[hash % n_seen];
  if (seen == hash) {
    add_schema(items, has_step);
  } else {
    seen = hash;
  }
}

bool FastLog::is_learnable(std::span<const Item> items, bool has_step) const {
  if (items.empty() || items.size() > max_fields) return false;
  return std::all_of(items.begin(), items.end(), [&](const Item& item) {
    const Value& value = item.value;
    if (!is_number(value.tag()) || value.weight() != 1) return false;
    const auto key = keys_.find(item.key);
    if (!key) return false;
    const reduce::KeyEntry& entry = keys_.at(*key);
    const MetricInfo& info = *entry.info;
    return info.kind == kind_of(value.tag()) && info.reduction != Reduction::gather &&
           info.order == Order::by_rank &&
           value.reduction().value_or(info.reduction) == info.reduction &&
           entry.reduced.is_logged && entry.has_steps == has_step;
  });
}

void FastLog::add_schema(std::span<const Item> items, bool has_step) {
  const bool is_known = std::any_of(schemas_.begin(), schemas_.end(), [&](const auto& schema) {
    return has_form_of(*schema, items, has_step);
  });
  if (is_known) return;
  auto schema = std::make_unique<Schema>();
  const auto number = static_cast<std::uint32_t>(schemas_.size());
  std::vector<reduce::ShapeColumn> columns;
  for (const auto& item : items) {
    const auto key = *keys_.find(item.key);
    schema->fields.push_back({static_cast<std::uint32_t>(schema->text.size()),
                              static_cast<std::uint32_t>(item.key.size()), item.value.tag(),
                              item.value.reduction()});
    schema->text += item.key;
    schema->keys.push_back(key);
    const MetricInfo& info = *keys_.at(key).info;
    columns.push_back({key, info.kind != Kind::real, info.reduction, 1, rank_, rank_, 0});
    schemas_of_key_.resize(std::max(schemas_of_key_.size(), static_cast<std::size_t>(key) + 1));
    for (const auto other : schemas_of_key_[static_cast<std::size_t>(key)]) {
      schema->overlapping.push_back(other);
      schemas_[other]->overlapping.push_back(number);
    }
    schemas_of_key_[static_cast<std::size_t>(key)].push_back(number);
  }
  for (const auto other : schema->overlapping) {
    auto& theirs = schemas_[other]->overlapping;
    std::sort(theirs.begin(), theirs.end());
    theirs.erase(std::unique(theirs.begin(), theirs.end()), theirs.end());
  }
  std::sort(schema->overlapping.begin(), schema->overlapping.end());
  schema->overlapping.erase(std::unique(schema->overlapping.begin(), schema->overlapping.end()),
                            schema->overlapping.end());
  schema->has_steps = has_step;
  schema->shape = exchange_.shapes().add(has_step, rank_, std::move(columns));
  schema->next = number;
  schemas_.push_back(std::move(schema));
}

}  // namespace ranklog
