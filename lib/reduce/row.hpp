// Rows on their way up the tree: partial statistics of the keys of one log call.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/exact_moments.hpp"
#include "core/statistics.hpp"
#include "ranklog/record.hpp"
#include "reduce/key_table.hpp"

namespace ranklog::reduce {

// One key of a row. Text and gathered values stand beside the numbers and are empty otherwise.
struct Cell {
  LocalKey key{};
  std::uint32_t repeat = 0;         // n-th row of this key at this step
  std::int32_t n_ranks = 1;         // ranks that gave a value
  Accumulator numbers;              // numbers
  std::vector<ExactMoments> exact;  // one under Order::reproducible, else none
  std::string text;                 // text: of the lowest rank, or the highest under `last`
  std::int32_t text_rank = -1;
  std::vector<RankPart> parts;  // gather
  std::uint32_t slot = 0;       // scratch of Assembler: the cell's place in its open row
};

struct Row {
  std::int64_t step = 0;
  bool has_step = false;
  double time = 0;
  std::int32_t time_rank = std::numeric_limits<std::int32_t>::max();  // whose time it is
  std::vector<Cell> cells;
  // What rank 0's caller passed for its trackers; does not travel.
  std::shared_ptr<const void> caller_options;
};

// Merges `other` into `cell`; both are of one key, whose reduction decides which text stays.
void merge(Cell& cell, Cell&& other, Reduction reduction);

// Fills the numbers of `metric`; as finish(Accumulator, Metric).
[[nodiscard]] bool finish(const Cell& cell, Metric& metric);

// Bytes that the cell keeps in memory, roughly; what bounds of buffers count.
[[nodiscard]] std::size_t footprint_bytes(const Cell& cell) noexcept;

}  // namespace ranklog::reduce
