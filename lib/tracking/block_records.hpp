// Blocks as single records, for trackers that do not take blocks.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "ranklog/record_block.hpp"

namespace ranklog::tracking {

// Calls `take(record)` for every row of the blocks, by time, so that log calls with different keys
// come in the order in which they were made; rows of one block keep their order.
// `Blocks` is a range of pointers to blocks.
template <class Blocks, class Take>
void for_each_record(const Blocks& blocks, Take take) {
  std::vector<std::size_t> next(blocks.size(), 0);
  std::vector<Record> records(blocks.size());
  while (true) {
    std::size_t earliest = blocks.size();
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (next[i] == blocks[i]->n_rows()) continue;
      if (earliest == blocks.size() ||
          blocks[i]->time[next[i]] < blocks[earliest]->time[next[earliest]])
        earliest = i;
    }
    if (earliest == blocks.size()) return;
    blocks[earliest]->copy_row(next[earliest]++, records[earliest]);
    take(std::as_const(records[earliest]));
  }
}

}  // namespace ranklog::tracking
