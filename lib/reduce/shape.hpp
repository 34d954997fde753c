// The shape of a block of rows: which keys it holds, and what travels of each. Known by number to
// a rank and, on the way up, to its parent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "reduce/block.hpp"
#include "reduce/key_table.hpp"

namespace ranklog::reduce {

// One key of a shape. In every row of its blocks the same ranks gave one finite value each.
struct ShapeColumn {
  LocalKey key{};
  bool is_integer = false;  // integers and booleans are int64, real numbers double
  Reduction reduction = Reduction::mean;
  std::int32_t n_ranks = 1;
  std::int32_t first_rank = 0;  // lowest and highest of these ranks
  std::int32_t last_rank = 0;
  std::uint32_t slot = 0;  // its first slot in a block

  // Of one rank only the value itself travels; of several the statistics, in these slots.
  [[nodiscard]] bool is_raw() const noexcept { return n_ranks == 1; }
  [[nodiscard]] std::uint32_t n_slots() const noexcept;
};

// Slots of a column that is not raw, counted from ShapeColumn::slot.
enum Slot : std::uint32_t {
  slot_mean = 0,
  slot_m2 = 1,
  slot_min = 2,  // double or int64, as the values are
  slot_max = 3,
  slot_ranks = 4,  // of the minimum and of the maximum
  // Only where the reduction needs it: the sum, or how many values are not 0, or the first or last
  // value; then the compensation of a sum of real numbers.
  slot_extra = 5,
  slot_compensation = 6,
};

struct Shape {
  bool has_steps = true;
  std::int32_t time_rank = 0;  // whose clock gave the times: the lowest of all ranks in it
  std::vector<ShapeColumn> columns;
  std::uint32_t n_slots = 0;
  std::optional<std::uint32_t> wire_number;  // on the way to the parent
  std::vector<std::unique_ptr<Block>> free;  // blocks to be used again

  [[nodiscard]] std::size_t bytes_per_row() const noexcept { return 16 + std::size_t{8} * n_slots; }
};

class ShapeTable {
 public:
  // Beyond this many, rows travel one by one: who makes a new shape at every step gains nothing.
  static constexpr std::size_t max_shapes = 4096;

  [[nodiscard]] std::size_t size() const noexcept { return shapes_.size(); }
  [[nodiscard]] bool is_full() const noexcept { return shapes_.size() >= max_shapes; }
  [[nodiscard]] Shape& at(ShapeId id) { return *shapes_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const Shape& at(ShapeId id) const { return *shapes_[static_cast<std::size_t>(id)]; }
  // Numbers the slots.
  ShapeId add(bool has_steps, std::int32_t time_rank, std::vector<ShapeColumn> columns);

  // An empty block of that shape with room for `n_rows`; allocates only until there are enough.
  [[nodiscard]] std::unique_ptr<Block> take_block(ShapeId id, std::uint32_t n_rows);
  void give_back(std::unique_ptr<Block> block);

 private:
  std::vector<std::unique_ptr<Shape>> shapes_;
};

}  // namespace ranklog::reduce
