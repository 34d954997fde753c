#include "reduce/shape.hpp"

#include <utility>

namespace ranklog::reduce {

void Block::reset(ShapeId shape, std::uint32_t n_slots, std::uint32_t capacity) {
  shape_ = shape;
  capacity_ = capacity;
  // One cache line more, so that the slots of a row do not all fall on the same cache sets.
  slot_bytes_ = 8 * (std::size_t{capacity} + 8);
  n_rows = 0;
  if (steps.size() < capacity) {
    steps.resize(capacity);
    times.resize(capacity);
  }
  const std::size_t n_bytes = slot_bytes_ * n_slots;
  if (n_bytes <= n_allocated_) return;
  words_ = std::make_unique<std::byte[]>(n_bytes);
  n_allocated_ = n_bytes;
}

std::uint32_t ShapeColumn::n_slots() const noexcept {
  if (is_raw()) return 1;
  switch (reduction) {
    case Reduction::sum:
      return is_integer ? slot_extra + 1 : slot_compensation + 1;
    case Reduction::any:
    case Reduction::all:
    case Reduction::first:
    case Reduction::last:
      return slot_extra + 1;
    default:
      return slot_extra;
  }
}

ShapeId ShapeTable::add(bool has_steps, std::int32_t time_rank, std::vector<ShapeColumn> columns) {
  auto shape = std::make_unique<Shape>();
  shape->has_steps = has_steps;
  shape->time_rank = time_rank;
  shape->columns = std::move(columns);
  for (auto& column : shape->columns) {
    column.slot = shape->n_slots;
    shape->n_slots += column.n_slots();
  }
  shapes_.push_back(std::move(shape));
  return static_cast<ShapeId>(shapes_.size() - 1);
}

std::unique_ptr<Block> ShapeTable::take_block(ShapeId id, std::uint32_t n_rows) {
  Shape& shape = at(id);
  std::unique_ptr<Block> block;
  if (shape.free.empty()) {
    block = std::make_unique<Block>();
  } else {
    block = std::move(shape.free.back());
    shape.free.pop_back();
  }
  block->reset(id, shape.n_slots, n_rows);
  return block;
}

void ShapeTable::give_back(std::unique_ptr<Block> block) {
  at(block->shape()).free.push_back(std::move(block));
}

}  // namespace ranklog::reduce
