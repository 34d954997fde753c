// Runs programs of log calls on in-process ranks, and their sequential reference.
#include "unit/reduce_program.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <mutex>
#include <thread>

#include "ranklog/testing.hpp"

namespace ranklog::test_support {
namespace {

using reduce::Cell;
using reduce::Exchange;
using reduce::Row;

Row make_row(RowSource& source, const Action& action) {
  Row row = source.row(action.step);
  for (const auto& entry : action.entries) source.add_real(row, entry.key, entry.value);
  return row;
}

void collect(Outcome& outcome, int epoch, const reduce::KeyTable& keys, std::vector<Row> rows) {
  for (auto& row : rows) {
    for (auto& cell : row.cells) {
      const Place place{epoch, keys.at(cell.key).info->key, row.step, cell.repeat};
      if (!outcome.cells.try_emplace(place, std::move(cell)).second) ++outcome.n_duplicates;
    }
  }
}

std::vector<std::string> texts_of(const reduce::DrainOutcome& outcome) {
  std::vector<std::string> texts;
  for (const auto& conflict : outcome.conflicts) texts.push_back(conflict.text);
  return texts;
}

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

void require_near(double actual, double expected) {
  REQUIRE(std::abs(actual - expected) <= 1e-12 * std::max(1.0, std::abs(expected)));
}

template <class F>
void compare(const Outcome& actual, const Outcome& expected, F compare_sums) {
  REQUIRE(actual.n_duplicates == expected.n_duplicates);
  REQUIRE(actual.cells.size() == expected.cells.size());
  for (const auto& [place, cell] : expected.cells) {
    CAPTURE(std::get<0>(place));
    CAPTURE(std::get<1>(place));
    CAPTURE(std::get<2>(place));
    CAPTURE(std::get<3>(place));
    const auto found = actual.cells.find(place);
    REQUIRE(found != actual.cells.end());
    const Moments& a = found->second.numbers.moments;
    const Moments& e = cell.numbers.moments;
    REQUIRE(found->second.n_ranks == cell.n_ranks);
    REQUIRE(a.count == e.count);
    REQUIRE(a.nan_count == e.nan_count);
    REQUIRE(same_bits(a.min, e.min));
    REQUIRE(same_bits(a.max, e.max));
    REQUIRE(a.min_rank == e.min_rank);
    REQUIRE(a.max_rank == e.max_rank);
    REQUIRE(a.first_nan_rank == e.first_nan_rank);
    REQUIRE(a.first_rank == e.first_rank);
    REQUIRE(a.last_rank == e.last_rank);
    compare_sums(a, e);
  }
}

}  // namespace

Outcome run(const Program& program, const reduce::ExchangeOptions& options) {
  Outcome outcome;
  outcome.conflicts.resize(program.size());
  testing::run_ranks(static_cast<int>(program.size()), [&](const Communicator& comm) {
    const auto rank = static_cast<std::size_t>(comm.rank());
    RowSource source(comm.rank());
    Exchange exchange(comm, source.keys(), options);
    int epoch = 0;
    const auto take = [&] { collect(outcome, epoch, source.keys(), exchange.take_settled()); };
    const auto drain = [&] {
      auto texts = texts_of(exchange.drain(ranklog::reduce::DrainReason::flush));
      auto& mine = outcome.conflicts[rank];
      mine.insert(mine.end(), texts.begin(), texts.end());
      take();
      ++epoch;
    };
    for (const auto& action : program[rank]) {
      if (action.pause_us > 0)
        std::this_thread::sleep_for(std::chrono::microseconds(action.pause_us));
      if (action.is_flush) {
        drain();
      } else {
        exchange.submit(make_row(source, action));
        take();
      }
    }
    drain();
  });
  return outcome;
}

Outcome reference(const Program& program) {
  Outcome outcome;
  for (std::size_t rank = 0; rank < program.size(); ++rank) {
    RowSource source(static_cast<std::int32_t>(rank));
    int epoch = 0;
    for (const auto& action : program[rank]) {
      if (action.is_flush) {
        ++epoch;
        continue;
      }
      Row row = make_row(source, action);
      for (auto& cell : row.cells) {
        const Place place{epoch, source.keys().at(cell.key).info->key, row.step, cell.repeat};
        const auto [found, is_new] = outcome.cells.try_emplace(place, cell);
        if (!is_new) reduce::merge(found->second, std::move(cell), Reduction::mean);
      }
    }
  }
  return outcome;
}

void require_same_statistics(const Outcome& actual, const Outcome& expected) {
  compare(actual, expected, [](const Moments& a, const Moments& e) {
    require_near(a.finite_weight, e.finite_weight);
    require_near(a.mean, e.mean);
    require_near(a.m2, e.m2);
    require_near(a.sum + a.sum_compensation, e.sum + e.sum_compensation);
  });
}

void require_same_bits(const Outcome& actual, const Outcome& expected) {
  compare(actual, expected, [](const Moments& a, const Moments& e) {
    REQUIRE(same_bits(a.mean, e.mean));
    REQUIRE(same_bits(a.m2, e.m2));
    REQUIRE(same_bits(a.sum, e.sum));
    REQUIRE(same_bits(a.sum_compensation, e.sum_compensation));
  });
}

}  // namespace ranklog::test_support
