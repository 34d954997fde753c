// Where blocks of several sources meet.
#include "reduce/junction.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <utility>
#include <vector>

using namespace ranklog::reduce;  // NOLINT: a test
using ranklog::Kind;
using ranklog::Reduction;

TEST_CASE("rows of a block whose steps have gone without them are counted as late") {
  KeyTable keys;
  const auto key = keys.intern("a");
  keys.define(key, {Kind::real, std::nullopt, 0, true});
  keys.at(key).n_expected = 1;  // the other rank was given up
  ShapeTable shapes;
  AssemblerOptions options;
  options.n_ranks = 2;
  options.n_sources = 2;
  options.first_sight_s = 0;
  Junction junction(keys, shapes, options);
  // How many rows have gone after those steps of a rank came.
  const auto n_gone_after = [&](int rank, const std::vector<std::int64_t>& steps) {
    const auto shape = shapes.add(true, rank, {{key, false, Reduction::mean, 1, rank, rank, 0}});
    auto block = shapes.take_block(shape, static_cast<std::uint32_t>(steps.size()));
    for (const auto step : steps) {
      block->steps[block->n_rows] = step;
      block->times[block->n_rows] = 0;
      block->reals(0)[block->n_rows++] = 1;
    }
    junction.add(std::move(block), rank, 1);
    std::vector<RowOrBlock> settled;
    junction.settle(2, false, settled);
    std::uint32_t n_rows = 0;
    for (const auto& item : settled) n_rows += item.block ? item.block->n_rows : 1;
    return n_rows;
  };
  CHECK(n_gone_after(0, {0, 1, 2, 3}) == 4);
  CHECK(junction.n_late() == 0);
  CHECK(n_gone_after(1, {2, 3, 4, 5}) == 4);
  CHECK(junction.n_late() == 2);
  CHECK(n_gone_after(0, {6, 7}) == 2);
  CHECK(junction.n_late() == 2);
}
