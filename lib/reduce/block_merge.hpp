// Merging rows of blocks column by column, to the same bits as merging their cells one by one.
#pragma once

#include <cstdint>
#include <span>

#include "ranklog/record_block.hpp"
#include "reduce/plan.hpp"
#include "reduce/row.hpp"
#include "reduce/shape.hpp"

namespace ranklog::reduce {

// A block of rows or, where `block` is null, a single row.
struct RowOrBlock {
  std::unique_ptr<Block> block;
  Row row;
};

// Rows `first`, `first + 1`, ... of a block.
struct BlockRows {
  const Block* block = nullptr;
  std::uint32_t first = 0;
};

// Merges `n_rows` rows of each input, index = that of Plan::inputs, into the empty block `merged`.
// False if a row needs more than the slots hold (sums beyond int64, differences beyond double);
// `merged` is then of no use, and the rows must be merged one by one.
[[nodiscard]] bool merge_rows(const ShapeTable& shapes, const Plan& plan,
                              std::span<const BlockRows> inputs, std::uint32_t n_rows,
                              Block& merged);

// The same row as cells. The cells hold what the reduction of their key and the statistics need.
[[nodiscard]] Row to_row(const ShapeTable& shapes, const Block& block, std::uint32_t row);

// Finished values, as finish() makes them of cells.
void finish_block(const ShapeTable& shapes, const KeyTable& keys, const Block& block,
                  std::int32_t n_ranks, RecordBlock& out);

}  // namespace ranklog::reduce
