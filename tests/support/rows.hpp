// Rows and key tables as the recorder would make them, for tests below the front door.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "reduce/row.hpp"

namespace ranklog::test_support {

// One rank's keys and the numbering of its rows.
class RowSource {
 public:
  explicit RowSource(std::int32_t rank) : rank_(rank) {}

  [[nodiscard]] reduce::KeyTable& keys() noexcept { return keys_; }
  [[nodiscard]] std::int32_t rank() const noexcept { return rank_; }

  [[nodiscard]] reduce::Row row(std::int64_t step) const {
    reduce::Row row;
    row.step = step;
    row.has_step = true;
    row.time = static_cast<double>(step);
    row.time_rank = rank_;
    return row;
  }
  RowSource& add_real(reduce::Row& row, std::string_view key, double value,
                      std::optional<Reduction> reduction = {}, double weight = 1) {
    reduce::Cell& cell = new_cell(row, key, Kind::real, reduction);
    cell.numbers.add_real(value, weight, rank_);
    if (is_gathered(cell)) cell.parts.push_back({rank_, {value}, {}, {}});
    return *this;
  }
  RowSource& add_integer(reduce::Row& row, std::string_view key, std::int64_t value,
                         std::optional<Reduction> reduction = {}) {
    reduce::Cell& cell = new_cell(row, key, Kind::integer, reduction);
    cell.numbers.add_integer(value, 1, rank_);
    if (is_gathered(cell)) cell.parts.push_back({rank_, {}, {value}, {}});
    return *this;
  }
  RowSource& add_text(reduce::Row& row, std::string_view key, std::string_view text,
                      std::optional<Reduction> reduction = {}) {
    reduce::Cell& cell = new_cell(row, key, Kind::text, reduction);
    cell.text = text;
    cell.text_rank = rank_;
    if (is_gathered(cell)) cell.parts.push_back({rank_, {}, {}, std::string(text)});
    return *this;
  }

 private:
  [[nodiscard]] bool is_gathered(const reduce::Cell& cell) const {
    return keys_.at(cell.key).info->reduction == Reduction::gather;
  }
  reduce::Cell& new_cell(reduce::Row& row, std::string_view name, Kind kind,
                         std::optional<Reduction> reduction) {
    const auto key = keys_.intern(name);
    const reduce::KeyDefinition definition{kind, reduction, rank_, row.has_step};
    const auto why = keys_.why_not(key, definition);
    if (!why.empty()) throw std::logic_error(why);
    keys_.define(key, definition);
    auto& entry = keys_.at(key);
    auto& progress = entry.reduced;
    if (!progress.is_logged) {
      ++entry.n_expected;
      keys_.note_change();
    }
    const bool repeats = progress.is_logged && progress.last_step == row.step;
    progress.n_repeats = repeats ? progress.n_repeats + 1 : 0;
    progress.is_logged = true;
    progress.has_steps = row.has_step;
    progress.last_step = row.step;
    reduce::Cell cell;
    cell.key = key;
    cell.repeat = progress.n_repeats;
    row.cells.push_back(std::move(cell));
    return row.cells.back();
  }

  reduce::KeyTable keys_;
  std::int32_t rank_;
};

// The row's cell of that key; null when there is none.
[[nodiscard]] inline const reduce::Cell* find_cell(const reduce::KeyTable& keys,
                                                   const reduce::Row& row, std::string_view key) {
  const auto found =
      std::find_if(row.cells.begin(), row.cells.end(),
                   [&](const reduce::Cell& cell) { return keys.at(cell.key).info->key == key; });
  return found == row.cells.end() ? nullptr : &*found;
}

}  // namespace ranklog::test_support
