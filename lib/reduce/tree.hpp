// The binomial tree of ranks: the children of r are r + 1, r + 2, r + 4, ... below r's lowest set
// bit, so the ranks below each child are consecutive and child order is rank order.
#pragma once

#include <algorithm>
#include <vector>

namespace ranklog::reduce {

// -1 for rank 0.
[[nodiscard]] inline int parent_of(int rank) { return rank == 0 ? -1 : rank - (rank & -rank); }

// One past the last rank of the subtree of `rank`.
[[nodiscard]] inline int end_of_subtree(int rank, int n_ranks) {
  return rank == 0 ? n_ranks : std::min(rank + (rank & -rank), n_ranks);
}

// Ascending.
[[nodiscard]] inline std::vector<int> children_of(int rank, int n_ranks) {
  std::vector<int> children;
  const int end = end_of_subtree(rank, n_ranks);
  for (int bit = 1; rank + bit < end; bit *= 2) children.push_back(rank + bit);
  return children;
}

}  // namespace ranklog::reduce
