#include "reduce/assembler.hpp"

#include <algorithm>
#include <iterator>

namespace ranklog::reduce {
namespace {

// Rows that are not ready are usually followed by others that are not: looking at this many is
// enough for those that can overtake.
constexpr int max_unready_looked_at = 64;
constexpr int max_awaited_looked_at = 8;

}  // namespace

void merge(Cell& cell, Cell&& other, Reduction reduction) {
  cell.n_ranks += other.n_ranks;
  cell.numbers.merge(other.numbers);
  if (other.exact.empty()) {
    cell.exact.clear();  // the ranks disagree on the order, which the next drain says
  } else if (!cell.exact.empty()) {
    cell.exact.front().merge(other.exact.front());
  }
  if (other.text_rank >= 0) {
    const bool takes_other =
        cell.text_rank < 0 || (reduction == Reduction::last ? other.text_rank >= cell.text_rank
                                                            : other.text_rank < cell.text_rank);
    if (takes_other) {
      cell.text = std::move(other.text);
      cell.text_rank = other.text_rank;
    }
  }
  cell.parts.insert(cell.parts.end(), std::make_move_iterator(other.parts.begin()),
                    std::make_move_iterator(other.parts.end()));
}

bool finish(const Cell& cell, Metric& metric) {
  return cell.exact.empty() ? ranklog::finish(cell.numbers, metric)
                            : ranklog::finish(cell.numbers, cell.exact.front(), metric);
}

std::size_t footprint_bytes(const Cell& cell) noexcept {
  std::size_t n_bytes = sizeof(Cell) + cell.text.size();
  for (const auto& exact : cell.exact) n_bytes += exact.footprint_bytes();
  for (const auto& part : cell.parts) {
    n_bytes += sizeof(RankPart) + part.text.size() +
               (part.reals.size() + part.integers.size()) * sizeof(double);
  }
  return n_bytes;
}

void Assembler::add(Row row, int source, double now_s) {
  keys_here_.resize(keys_.size());
  for (const auto& cell : row.cells) {
    auto& first_seen_s = keys_.at(cell.key).first_seen_s;
    if (first_seen_s < 0) first_seen_s = now_s;
  }
  if (add_aligned(row, source)) return;
  add_scattered(row, source, now_s);
}

Assembler::Rows::iterator Assembler::open(const Row& row, double now_s) {
  OpenRow fresh;
  fresh.head.step = row.step;
  fresh.head.has_step = row.has_step;
  fresh.parts.resize(static_cast<std::size_t>(options_.n_sources));
  fresh.opened_s = now_s;
  open_.push_back(std::move(fresh));
  const auto position = std::prev(open_.end());
  by_step_.emplace(row.step, position);
  return position;
}

bool Assembler::add_aligned(Row& row, int source) {
  const auto [begin, end] = by_step_.equal_range(row.step);
  for (auto candidate = begin; candidate != end; ++candidate) {
    OpenRow& target = *candidate->second;
    const bool is_aligned = std::equal(target.slots.begin(), target.slots.end(), row.cells.begin(),
                                       row.cells.end(), [](const Slot& slot, const Cell& cell) {
                                         return slot.key == cell.key && slot.repeat == cell.repeat;
                                       });
    if (!is_aligned) continue;
    join(target, row);
    for (std::uint32_t i = 0; i < row.cells.size(); ++i)
      put(target, i, std::move(row.cells[i]), source);
    return true;
  }
  return false;
}

void Assembler::add_scattered(Row& row, int source, double now_s) {
  for (std::uint32_t i = 0; i < row.cells.size(); ++i) here(row.cells[i].key).cell = i + 1;
  std::vector<OpenRow*> place_of(row.cells.size(), nullptr);
  const auto [begin, end] = by_step_.equal_range(row.step);
  for (auto candidate = begin; candidate != end; ++candidate) {
    OpenRow& target = *candidate->second;
    for (std::uint32_t slot = 0; slot < target.slots.size(); ++slot) {
      const auto cell = here(target.slots[slot].key).cell;
      if (cell == 0 || place_of[cell - 1] != nullptr) continue;
      if (row.cells[cell - 1].repeat != target.slots[slot].repeat) continue;
      place_of[cell - 1] = &target;
      put(target, slot, std::move(row.cells[cell - 1]), source);
    }
  }
  // Keys that nobody logged yet at this step go where their neighbours in the call went.
  OpenRow* home = nullptr;
  std::size_t n_placed = 0;
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    here(row.cells[i].key).cell = 0;
    if (place_of[i] == nullptr) continue;
    ++n_placed;
    join(*place_of[i], row);
    home = place_of[i];
  }
  if (n_placed == row.cells.size()) return;
  // A row holds a key once; what is there already stays out of place here.
  if (home != nullptr) {
    for (const auto& slot : home->slots) here(slot.key).cell = 1;
    const bool is_taken = has_key_marked(row, place_of);
    for (const auto& slot : home->slots) here(slot.key).cell = 0;
    if (is_taken) home = nullptr;
  }
  if (home == nullptr) home = &*open(row, now_s);
  join(*home, row);
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    if (place_of[i] != nullptr) continue;
    const auto slot = add_slot(*home, row.cells[i]);
    put(*home, slot, std::move(row.cells[i]), source);
  }
}

bool Assembler::has_key_marked(const Row& row, const std::vector<OpenRow*>& place_of) const {
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    if (place_of[i] != nullptr) continue;
    if (keys_here_[static_cast<std::size_t>(row.cells[i].key)].cell != 0) return true;
  }
  return false;
}

std::uint32_t Assembler::add_slot(OpenRow& target, const Cell& cell) {
  target.slots.push_back({cell.key, cell.repeat, 0});
  KeyHere& key = here(cell.key);
  const std::int64_t step = target.head.step;
  if (step <= key.settled_step && cell.repeat == 0) ++n_late_;
  key.open_step = key.n_open == 0 ? step : std::max(key.open_step, step);
  ++key.n_open;
  return static_cast<std::uint32_t>(target.slots.size() - 1);
}

void Assembler::note_passed(LocalKey key, std::span<const std::int64_t> steps) {
  if (static_cast<std::size_t>(key) >= keys_here_.size()) keys_here_.resize(keys_.size());
  auto& settled_step = here(key).settled_step;
  for (const auto step : steps) {
    if (step > settled_step) break;
    ++n_late_;
  }
  settled_step = std::max(settled_step, steps.back());
}

void Assembler::put(OpenRow& target, std::uint32_t slot, Cell cell, int source) {
  target.slots[slot].n_ranks += cell.n_ranks;
  bytes_of_source_[static_cast<std::size_t>(source)] += footprint_bytes(cell);
  cell.slot = slot;
  target.parts[static_cast<std::size_t>(source)].push_back(std::move(cell));
}

void Assembler::join(OpenRow& target, const Row& row) {
  Row& head = target.head;
  if (row.time_rank < head.time_rank) {
    head.time = row.time;
    head.time_rank = row.time_rank;
  }
  if (row.caller_options) head.caller_options = row.caller_options;
}

bool Assembler::is_ready(const OpenRow& row, double now_s) const {
  if (now_s - row.opened_s >= options_.late_s) return true;
  return std::all_of(row.slots.begin(), row.slots.end(), [&](const Slot& slot) {
    if (slot.n_ranks >= options_.n_ranks) return true;
    const KeyEntry& entry = keys_.at(slot.key);
    // A rank that was never heard of may be late with its first row, or may never log at all.
    const bool may_be_late = n_ranks_heard_ < options_.n_ranks;
    return slot.n_ranks >= entry.n_expected &&
           now_s - entry.first_seen_s >= (may_be_late ? options_.late_s : options_.first_sight_s);
  });
}

bool Assembler::is_awaited(int source, const std::function<bool(LocalKey)>& gives) const {
  int n_looked_at = 0;
  for (const OpenRow& row : open_) {
    if (++n_looked_at > max_awaited_looked_at) return false;
    const auto& given = row.parts[static_cast<std::size_t>(source)];
    for (std::uint32_t slot = 0; slot < row.slots.size(); ++slot) {
      const bool is_given = std::any_of(given.begin(), given.end(),
                                        [&](const Cell& cell) { return cell.slot == slot; });
      if (!is_given && gives(row.slots[slot].key)) return true;
    }
  }
  return false;
}

void Assembler::settle(double now_s, bool all, std::vector<Row>& settled) {
  std::vector<LocalKey> blocked;
  int n_unready = 0;
  for (auto position = open_.begin();
       position != open_.end() && n_unready < max_unready_looked_at;) {
    const auto current = position++;
    const bool is_blocked =
        std::any_of(current->slots.begin(), current->slots.end(),
                    [&](const Slot& slot) { return keys_.at(slot.key).is_blocked; });
    if (all || (!is_blocked && is_ready(*current, now_s))) {
      close(current, settled);
      continue;
    }
    ++n_unready;
    for (const auto& slot : current->slots) {
      keys_.at(slot.key).is_blocked = true;
      blocked.push_back(slot.key);
    }
  }
  for (const auto key : blocked) keys_.at(key).is_blocked = false;
}

Row Assembler::merged(OpenRow& open_row) const {
  Row row = std::move(open_row.head);
  row.cells.resize(open_row.slots.size());
  std::vector<bool> has_cell(open_row.slots.size(), false);
  for (auto& part : open_row.parts) {
    for (auto& cell : part) {
      const auto slot = cell.slot;
      if (has_cell[slot]) {
        merge(row.cells[slot], std::move(cell), keys_.at(cell.key).info->reduction);
      } else {
        row.cells[slot] = std::move(cell);
        has_cell[slot] = true;
      }
    }
  }
  return row;
}

void Assembler::close(Rows::iterator position, std::vector<Row>& settled) {
  const auto [begin, end] = by_step_.equal_range(position->head.step);
  for (auto entry = begin; entry != end; ++entry) {
    if (entry->second != position) continue;
    by_step_.erase(entry);
    break;
  }
  for (const auto& slot : position->slots) {
    KeyHere& key = here(slot.key);
    key.settled_step = std::max(key.settled_step, position->head.step);
    --key.n_open;
  }
  for (std::size_t source = 0; source < position->parts.size(); ++source) {
    for (const auto& cell : position->parts[source]) {
      bytes_of_source_[source] -= footprint_bytes(cell);
    }
  }
  settled.push_back(merged(*position));
  open_.erase(position);
}

}  // namespace ranklog::reduce
