// A program of log calls for in-process ranks, run through an Exchange, and the sequential
// reference that its result must equal.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "reduce/exchange.hpp"
#include "support/rows.hpp"

namespace ranklog::test_support {

struct Entry {
  std::string key;
  double value = 0;
};
// What one rank does: logs a row, or takes part in a flush.
struct Action {
  bool is_flush = false;
  std::int64_t step = 0;
  std::vector<Entry> entries = {};
  int pause_us = 0;  // before the action, to change the interleaving
};
using Program = std::vector<std::vector<Action>>;  // index: rank; all flush equally often

// Values meet when key, step and repeat agree and no flush stands between them.
using Place = std::tuple<int, std::string, std::int64_t, std::uint32_t>;  // epoch, ...
struct Outcome {
  std::map<Place, reduce::Cell> cells;
  std::int64_t n_duplicates = 0;                    // places that came twice, so were split
  std::vector<std::vector<std::string>> conflicts;  // by rank, of all drains
};

// Runs the program on as many in-process ranks as it has and collects what rank 0 gets.
[[nodiscard]] Outcome run(const Program& program, const reduce::ExchangeOptions& options);
// Merges all values in rank order, without any communication.
[[nodiscard]] Outcome reference(const Program& program);

// Fails the test if the outcomes differ: exactly in counts, ranks and extremes, to 1e-12 in sums.
void require_same_statistics(const Outcome& actual, const Outcome& expected);
// Fails the test if any bit differs.
void require_same_bits(const Outcome& actual, const Outcome& expected);

}  // namespace ranklog::test_support
