// Hundreds of random schedules: the exchange equals a sequential merge, with the same bits
// whatever the interleaving.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <string>

#include "unit/reduce_program.hpp"

using namespace ranklog::test_support;  // NOLINT: a test
using ranklog::reduce::ExchangeOptions;

namespace {

using Random = std::mt19937;

std::vector<Entry> random_entries(Random& random, std::size_t n_keys) {
  std::vector<Entry> entries;
  for (std::size_t k = 0; k < n_keys; ++k) {
    if (random() % 3 == 0) continue;
    double value = std::uniform_real_distribution<double>(-1, 1)(random);
    if (random() % 30 == 0) value = std::nan("");
    entries.push_back({"key/" + std::to_string(k), value});
  }
  if (random() % 4 == 0) std::shuffle(entries.begin(), entries.end(), random);
  return entries;
}

// Ranks log different keys, steps and numbers of rows, and flush at different places.
Program random_program(Random& random, std::size_t n_ranks) {
  Program program(n_ranks);
  const auto n_flushes = random() % 3;
  const auto n_keys = 1 + random() % 6;
  for (auto& actions : program) {
    const bool is_silent = random() % 8 == 0;
    const auto n_rows = is_silent ? 0 : random() % 25;
    std::int64_t step = 0;
    for (std::size_t i = 0; i < n_rows; ++i) {
      auto entries = random_entries(random, n_keys);
      if (!entries.empty()) actions.push_back({.step = step, .entries = std::move(entries)});
      if (random() % 5 != 0) step += 1 + static_cast<std::int64_t>(random() % 2);
    }
    for (std::size_t f = 0; f < n_flushes; ++f) {
      const auto at = static_cast<std::ptrdiff_t>(random() % (actions.size() + 1));
      actions.insert(actions.begin() + at, Action{.is_flush = true});
    }
  }
  return program;
}

void shake(Program& program, Random& random) {
  for (auto& actions : program) {
    for (auto& action : actions) {
      action.pause_us = random() % 10 == 0 ? static_cast<int>(random() % 300) : 0;
    }
  }
}

ExchangeOptions random_options(Random& random) {
  ExchangeOptions options;
  options.window_rows = 1 + static_cast<int>(random() % 10);
  options.flush_interval_s = random() % 2 == 0 ? 0 : 1;
  options.first_sight_s = 1e9;
  options.late_s = 1e9;
  return options;
}

void check_schedules(std::size_t n_ranks, int n_schedules) {
  Random random(static_cast<unsigned>(1000 + n_ranks));
  for (int k = 0; k < n_schedules; ++k) {
    CAPTURE(n_ranks);
    CAPTURE(k);
    auto program = random_program(random, n_ranks);
    const auto first = run(program, random_options(random));
    require_same_statistics(first, reference(program));
    shake(program, random);
    require_same_bits(run(program, random_options(random)), first);
  }
}

}  // namespace

TEST_CASE("random schedules on few ranks equal the reference, with the same bits each time") {
  for (const std::size_t n_ranks : {1U, 2U, 3U, 4U, 5U}) check_schedules(n_ranks, 60);
}

TEST_CASE("random schedules on many ranks equal the reference, with the same bits each time") {
  check_schedules(8, 30);
  check_schedules(16, 15);
  check_schedules(33, 6);
  check_schedules(64, 4);
}
