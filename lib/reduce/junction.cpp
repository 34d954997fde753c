#include "reduce/junction.hpp"

#include <algorithm>
#include <utility>

namespace ranklog::reduce {
namespace {

// Of each source only so many items are looked at; what stands behind them waits its turn.
constexpr std::size_t max_items_looked_at = 64;

}  // namespace

Junction::Junction(KeyTable& keys, ShapeTable& shapes, const AssemblerOptions& options)
    : keys_(keys),
      shapes_(shapes),
      options_(options),
      n_ranks_heard_(options.n_ranks),
      assembler_(keys, options),
      plans_(shapes, options.n_ranks),
      queues_(static_cast<std::size_t>(options.n_sources)),
      bytes_of_queue_(static_cast<std::size_t>(options.n_sources)) {}

void Junction::set_n_ranks_heard(int n_ranks) noexcept {
  n_ranks_heard_ = n_ranks;
  assembler_.set_n_ranks_heard(n_ranks);
}

void Junction::add(Row row, int source, double now_s) {
  Queue& queue = queues_[static_cast<std::size_t>(source)];
  if (queue.empty()) {
    assembler_.add(std::move(row), source, now_s);
    return;
  }
  for (const auto& cell : row.cells) {
    bytes_of_queue_[static_cast<std::size_t>(source)] += footprint_bytes(cell);
  }
  Item item;
  item.row = std::move(row);
  item.arrived_s = now_s;
  queue.push_back(std::move(item));
}

void Junction::add(std::unique_ptr<Block> block, int source, double now_s) {
  const Shape& shape = shapes_.at(block->shape());
  for (const auto& column : shape.columns) {
    auto& first_seen_s = keys_.at(column.key).first_seen_s;
    if (first_seen_s < 0) first_seen_s = now_s;
  }
  bytes_of_queue_[static_cast<std::size_t>(source)] += shape.bytes_per_row() * block->n_rows;
  Item item;
  item.block = std::move(block);
  item.arrived_s = now_s;
  queues_[static_cast<std::size_t>(source)].push_back(std::move(item));
}

Block* Junction::open(std::unique_ptr<Block> block) {
  Item item;
  item.block = std::move(block);
  item.is_open = true;
  queues_[0].push_back(std::move(item));
  return queues_[0].back().block.get();
}

void Junction::seal(const Block* block, double now_s) {
  const auto item = std::find_if(queues_[0].begin(), queues_[0].end(),
                                 [&](const Item& it) { return it.block.get() == block; });
  item->is_open = false;
  item->arrived_s = now_s;
  for (const auto& column : shapes_.at(block->shape()).columns) {
    auto& first_seen_s = keys_.at(column.key).first_seen_s;
    if (first_seen_s < 0) first_seen_s = now_s;
  }
}

std::size_t Junction::bytes_of_source(int source) const {
  std::size_t n_bytes =
      assembler_.bytes_of_source(source) + bytes_of_queue_[static_cast<std::size_t>(source)];
  if (source != 0) return n_bytes;
  for (const auto& item : queues_[0]) {
    if (!item.block) continue;
    n_bytes += shapes_.at(item.block->shape()).bytes_per_row() * (item.block->n_rows - item.next);
  }
  return n_bytes;
}

bool Junction::is_in_queue(int source, LocalKey key) const {
  const Queue& queue = queues_[static_cast<std::size_t>(source)];
  const auto n_items = std::min(queue.size(), max_items_looked_at);
  for (std::size_t i = 0; i < n_items; ++i) {
    const Item& item = queue[i];
    const auto is_it = [&](const auto& place) { return place.key == key; };
    if (item.block) {
      const auto& columns = shapes_.at(item.block->shape()).columns;
      const bool has_rows = item.next < item.block->n_rows;
      if (has_rows && std::any_of(columns.begin(), columns.end(), is_it)) return true;
    } else if (std::any_of(item.row.cells.begin(), item.row.cells.end(), is_it)) {
      return true;
    }
  }
  return false;
}

bool Junction::is_awaited(int source, const std::function<bool(LocalKey)>& gives) const {
  if (assembler_.is_awaited(source, gives)) return true;
  for (int other = 0; other < options_.n_sources; ++other) {
    const Queue& queue = queues_[static_cast<std::size_t>(other)];
    if (other == source || queue.empty() || !queue.front().block) continue;
    const Item& oldest = queue.front();
    if (oldest.next == oldest.block->n_rows) continue;
    const auto& columns = shapes_.at(oldest.block->shape()).columns;
    const bool is_waiting =
        std::any_of(columns.begin(), columns.end(), [&](const ShapeColumn& column) {
          return gives(column.key) && !is_in_queue(source, column.key);
        });
    if (is_waiting) return true;
  }
  return false;
}

void Junction::settle(double now_s, bool all, std::vector<RowOrBlock>& settled) {
  settle_ready(now_s, settled);
  if (!all) return;
  for (int source = 0; source < options_.n_sources; ++source) {
    Queue& queue = queues_[static_cast<std::size_t>(source)];
    for (auto& item : queue) {
      if (item.block) {
        expand({source, &item}, item.block->n_rows, now_s);
        shapes_.give_back(std::move(item.block));
      } else {
        assembler_.add(std::move(item.row), source, now_s);
      }
    }
    queue.clear();
    bytes_of_queue_[static_cast<std::size_t>(source)] = 0;
  }
  settle_rows(now_s, true, settled);
}

bool Junction::settle_rows(double now_s, bool all, std::vector<RowOrBlock>& settled) {
  if (assembler_.n_open() == 0) return false;
  assembler_.settle(now_s, all, settled_rows_);
  const bool has_settled = !settled_rows_.empty();
  for (auto& row : settled_rows_) settled.push_back({nullptr, std::move(row)});
  settled_rows_.clear();
  return has_settled;
}

void Junction::settle_ready(double now_s, std::vector<RowOrBlock>& settled) {
  marks_.resize(keys_.size());
  bool goes_on = true;
  while (goes_on) {
    goes_on = settle_rows(now_s, false, settled);
    candidates_.clear();
    for (int source = 0; source < options_.n_sources; ++source) list_candidates(source);
    for (const auto& candidate : candidates_) {
      goes_on = settle_alone(candidate, now_s) || goes_on;
    }
    join_groups();
    for (std::size_t begin = 0; begin < candidates_.size();) {
      std::size_t end = begin + 1;
      while (end < candidates_.size() &&
             candidates_[end].item->group == candidates_[begin].item->group) {
        ++end;
      }
      const std::span<const Candidate> group(&candidates_[begin], end - begin);
      goes_on = settle_group(group, now_s, settled) || goes_on;
      begin = end;
    }
    drop_done();
    // Last, so that calls with different keys leave in the order in which they were made, if they
    // can go at all.
    for (int source = 0; source < options_.n_sources; ++source) {
      while (pass_rows(source)) goes_on = true;
    }
  }
}

// Hands rows to the Assembler that no earlier item of their queue holds back. True if there were
// any.
bool Junction::pass_rows(int source) {
  Queue& queue = queues_[static_cast<std::size_t>(source)];
  const bool has_rows =
      std::any_of(queue.begin(), queue.end(), [](const Item& item) { return !item.block; });
  if (!has_rows) return false;
  ++n_walks_;
  const auto n_items = std::min(queue.size(), max_items_looked_at);
  bool has_passed = false;
  for (std::size_t i = 0; i < n_items; ++i) {
    Item& item = queue[i];
    const auto mark = [&](LocalKey key) {
      return std::exchange(marks_[static_cast<std::size_t>(key)].blocked_at, n_walks_) == n_walks_;
    };
    if (item.block) {
      if (item.block->n_rows == item.next) continue;
      for (const auto& column : shapes_.at(item.block->shape()).columns) (void)mark(column.key);
      continue;
    }
    const bool is_free =
        std::none_of(item.row.cells.begin(), item.row.cells.end(), [&](const Cell& cell) {
          return marks_[static_cast<std::size_t>(cell.key)].blocked_at == n_walks_;
        });
    if (!is_free) {
      for (const auto& cell : item.row.cells) (void)mark(cell.key);
      continue;
    }
    for (const auto& cell : item.row.cells) {
      bytes_of_queue_[static_cast<std::size_t>(source)] -= footprint_bytes(cell);
    }
    assembler_.add(std::move(item.row), source, item.arrived_s);
    item.is_done = true;
    has_passed = true;
  }
  std::erase_if(queue, [](const Item& item) { return item.is_done; });
  return has_passed;
}

// Blocks with rows that no earlier item of their queue holds back.
void Junction::list_candidates(int source) {
  Queue& queue = queues_[static_cast<std::size_t>(source)];
  ++n_walks_;
  const auto n_items = std::min(queue.size(), max_items_looked_at);
  for (std::size_t i = 0; i < n_items; ++i) {
    Item& item = queue[i];
    bool is_free = true;
    const auto mark = [&](LocalKey key) {
      auto& blocked_at = marks_[static_cast<std::size_t>(key)].blocked_at;
      is_free = is_free && blocked_at != n_walks_;
      blocked_at = n_walks_;
    };
    if (!item.block) {
      for (const auto& cell : item.row.cells) mark(cell.key);
      continue;
    }
    if (item.block->n_rows == item.next) continue;
    for (const auto& column : shapes_.at(item.block->shape()).columns) mark(column.key);
    if (is_free) candidates_.push_back({source, &item});
  }
}

std::uint32_t Junction::group_of(std::uint32_t group) {
  while (parent_group_[group] != group) group = parent_group_[group];
  return group;
}

// Brings candidates that share keys, directly or through others, next to each other.
void Junction::join_groups() {
  ++n_walks_;
  parent_group_.clear();
  for (const auto& candidate : candidates_) {
    auto group = static_cast<std::uint32_t>(parent_group_.size());
    parent_group_.push_back(group);
    for (const auto& column : shapes_.at(candidate.item->block->shape()).columns) {
      Mark& mark = marks_[static_cast<std::size_t>(column.key)];
      if (std::exchange(mark.grouped_at, n_walks_) == n_walks_) {
        const auto other = group_of(mark.group);
        group = group_of(group);
        const auto lower = std::min(group, other);
        parent_group_[std::max(group, other)] = lower;
        group = lower;
      }
      mark.group = group;
    }
    candidate.item->group = group;
  }
  for (const auto& candidate : candidates_) candidate.item->group = group_of(candidate.item->group);
  // Stable, in place, without memory: there are few candidates.
  for (std::size_t i = 1; i < candidates_.size(); ++i) {
    for (auto k = i; k > 0 && candidates_[k].item->group < candidates_[k - 1].item->group; --k) {
      std::swap(candidates_[k], candidates_[k - 1]);
    }
  }
}

// Rows that wait too long, and rows of keys of which the Assembler holds rows, go there, too.
bool Junction::settle_alone(const Candidate& candidate, double now_s) {
  Item& item = *candidate.item;
  const bool is_late = !item.is_open && now_s - item.arrived_s >= options_.late_s;
  if (is_late) {
    expand(candidate, item.block->n_rows, now_s);
    return true;
  }
  if (assembler_.n_open() == 0) return false;
  bool is_held = false;
  std::int64_t step = 0;
  for (const auto& column : shapes_.at(item.block->shape()).columns) {
    if (!assembler_.holds(column.key)) continue;
    const auto open_step = assembler_.greatest_open_step(column.key);
    step = is_held ? std::max(step, open_step) : open_step;
    is_held = true;
  }
  if (!is_held) return false;
  auto end = item.next;
  while (end < item.block->n_rows && item.block->steps[end] <= step) ++end;
  if (end == item.next) return false;
  expand(candidate, end, now_s);
  return true;
}

bool Junction::settle_group(std::span<const Candidate> group, double now_s,
                            std::vector<RowOrBlock>& settled) {
  inputs_.clear();
  std::uint32_t n_rows = ~std::uint32_t{0};
  const Block& lowest = *group[0].item->block;
  const auto lowest_next = group[0].item->next;
  for (const auto& [source, item] : group) {
    const Block& block = *item->block;
    const Shape& shape = shapes_.at(block.shape());
    if (shape.has_steps != shapes_.at(lowest.shape()).has_steps) return false;
    if (assembler_.n_open() > 0) {
      const bool is_held =
          std::any_of(shape.columns.begin(), shape.columns.end(),
                      [&](const ShapeColumn& column) { return assembler_.holds(column.key); });
      if (is_held) return false;
    }
    inputs_.push_back(block.shape());
    n_rows = std::min(n_rows, block.n_rows - item->next);
    std::uint32_t n_equal = 0;
    while (n_equal < n_rows &&
           block.steps[item->next + n_equal] == lowest.steps[lowest_next + n_equal]) {
      ++n_equal;
    }
    n_rows = n_equal;
    if (n_rows == 0) return false;
  }
  const Plan* plan = plans_.find_or_make(inputs_);
  if (plan != nullptr && !is_ready(*plan, now_s)) return false;
  if (plan != nullptr && merge_group(group, *plan, n_rows, settled)) return true;
  for (const auto& candidate : group) expand(candidate, candidate.item->next + n_rows, now_s);
  return true;
}

bool Junction::is_ready(const Plan& plan, double now_s) const {
  if (plan.is_complete) return true;
  const double wait_s =
      n_ranks_heard_ < options_.n_ranks ? options_.late_s : options_.first_sight_s;
  const auto& columns = shapes_.at(plan.output).columns;
  return std::all_of(columns.begin(), columns.end(), [&](const ShapeColumn& column) {
    if (column.n_ranks >= options_.n_ranks) return true;
    const KeyEntry& entry = keys_.at(column.key);
    return column.n_ranks >= entry.n_expected && entry.first_seen_s >= 0 &&
           now_s - entry.first_seen_s >= wait_s;
  });
}

bool Junction::merge_group(std::span<const Candidate> group, const Plan& plan, std::uint32_t n_rows,
                           std::vector<RowOrBlock>& settled) {
  rows_.clear();
  for (const auto& [source, item] : group) rows_.push_back({item->block.get(), item->next});
  auto merged = shapes_.take_block(plan.output, n_rows);
  if (!merge_rows(shapes_, plan, rows_, n_rows, *merged)) {
    shapes_.give_back(std::move(merged));
    return false;
  }
  for (const auto& column : shapes_.at(plan.output).columns) {
    assembler_.note_passed(column.key, {merged->steps.data(), n_rows});
  }
  for (const auto& [source, item] : group) item->next += n_rows;
  settled.push_back({std::move(merged), {}});
  return true;
}

void Junction::expand(const Candidate& candidate, std::uint32_t end, double now_s) {
  Item& item = *candidate.item;
  const double arrived_s = item.is_open ? now_s : item.arrived_s;
  for (; item.next < end; ++item.next) {
    assembler_.add(to_row(shapes_, *item.block, item.next), candidate.source, arrived_s);
  }
}

void Junction::drop_done() {
  for (std::size_t source = 0; source < queues_.size(); ++source) {
    Queue& queue = queues_[source];
    for (auto& item : queue) {
      if (!item.block || item.is_open || item.next < item.block->n_rows) continue;
      if (source != 0) {
        bytes_of_queue_[source] -=
            shapes_.at(item.block->shape()).bytes_per_row() * item.block->n_rows;
      }
      shapes_.give_back(std::move(item.block));
      item.is_done = true;
    }
    std::erase_if(queue, [](const Item& item) { return item.is_done; });
  }
}

}  // namespace ranklog::reduce
