// Random schedules: rows in blocks have the bits of rows that go one by one, and equal a reference.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <random>
#include <thread>

#include "ranklog/testing.hpp"
#include "unit/logging_rank.hpp"

using namespace ranklog::test_support;  // NOLINT: a test
using ranklog::Communicator;
using ranklog::Item;
using ranklog::Metric;
using ranklog::Reduction;
using ranklog::Value;
using ranklog::reduce::ExchangeOptions;
using ranklog::testing::run_ranks;
using Random = std::mt19937;

namespace {

struct Call {
  bool is_flush = false;
  std::optional<std::int64_t> step = {};
  std::vector<std::size_t> keys = {};
  std::vector<double> values = {};
  int pause_us = 0;
};
using Schedule = std::vector<std::vector<Call>>;  // index: rank; all flush equally often

constexpr std::size_t n_keys = 16;
std::string name_of(std::size_t key) { return "group/key number " + std::to_string(key); }

// Every key has a kind and a reduction of its own.
Value value_of(std::size_t key, double value) {
  constexpr Reduction reductions[] = {Reduction::mean,  Reduction::sum, Reduction::min,
                                      Reduction::max,   Reduction::any, Reduction::all,
                                      Reduction::first, Reduction::last};
  const bool is_real = key % 3 != 0 || !std::isfinite(value);
  const auto whole = static_cast<std::int64_t>(value * 5);
  const Value plain = key % 3 != 0 ? Value(value) : Value(is_real ? std::int64_t{0} : whole);
  return key % 8 == 0 ? plain : plain.with(reductions[key % 8]);
}

std::vector<std::vector<std::size_t>> random_schemas(Random& random, std::size_t n_schemas) {
  std::vector<std::vector<std::size_t>> schemas(n_schemas);
  for (auto& schema : schemas) {
    std::vector<std::size_t> keys;
    for (std::size_t key = 0; key < n_keys; ++key) {
      if (random() % 4 == 0) keys.push_back(key);
    }
    if (keys.empty()) keys.push_back(random() % n_keys);
    schema = keys;
  }
  return schemas;
}

Call random_call(Random& random, std::int64_t step, const std::vector<std::size_t>& keys) {
  Call call;
  call.step = step;
  call.keys = keys;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool is_special = random() % 60 == 0;
    call.values.push_back(is_special ? (random() % 2 == 0 ? std::nan("") : INFINITY)
                                     : std::uniform_real_distribution<double>(-2, 2)(random));
  }
  return call;
}

// All ranks share a few schemas; some ranks leave one out, repeat a step, or log another key.
Schedule random_schedule(Random& random, std::size_t n_ranks) {
  Schedule schedule(n_ranks);
  const auto shared = random_schemas(random, 1 + random() % 3);
  const auto odd_rank = random() % n_ranks;
  const auto n_steps = static_cast<std::int64_t>(10 + random() % 30);
  const auto flush_at = static_cast<std::int64_t>(2 + random() % 30);
  const bool is_wild = random() % 3 == 0;
  for (std::size_t rank = 0; rank < n_ranks; ++rank) {
    auto schemas = shared;
    if (rank == odd_rank && random() % 2 == 0) schemas[0].push_back(n_keys);
    if (random() % 4 == 0) schemas.pop_back();
    std::int64_t step = 0;
    for (std::int64_t i = 0; i < n_steps; ++i) {
      if (i == 2 || i == flush_at) {
        schedule[rank].push_back({.is_flush = true});
        ++step;  // a repeat behind a flush would be told apart from one that is none
      }
      for (const auto& schema : schemas) {
        if (i >= 2 && is_wild && random() % 10 == 0) continue;
        schedule[rank].push_back(random_call(random, step, schema));
      }
      if (!is_wild || random() % 10 != 0) ++step;
    }
    if (flush_at >= n_steps) schedule[rank].push_back({.is_flush = true});
  }
  return schedule;
}

// Rows that repeat a step come in an order that depends on timing: numbers them by what they hold.
Rows in_order_of_contents(const Rows& rows) {
  std::map<std::tuple<int, std::string, std::int64_t>, std::vector<Metric>> repeats;
  for (const auto& [place, metric] : rows) {
    const auto& [epoch, key, step, n_before] = place;
    repeats[{epoch, key, step}].push_back(metric);
  }
  const auto contents = [](const Metric& metric) {
    const auto& s = metric.statistics;
    const auto min = std::isnan(s.min) ? -1e300 : s.min;
    return std::tuple(s.count, s.nan_count, s.min_rank, s.max_rank, min);
  };
  Rows ordered;
  for (auto& [at, metrics] : repeats) {
    std::stable_sort(metrics.begin(), metrics.end(),
                     [&](const Metric& a, const Metric& b) { return contents(a) < contents(b); });
    const auto& [epoch, key, step] = at;
    for (std::size_t i = 0; i < metrics.size(); ++i) {
      ordered.emplace(RowPlace{epoch, key, step, static_cast<int>(i)}, metrics[i]);
    }
  }
  return ordered;
}

struct Outcome {
  Rows rows;
  std::int64_t n_fast = 0;
  std::int64_t n_block_rows = 0;
};

Outcome run(const Schedule& schedule, const ExchangeOptions& options, bool is_fast) {
  Outcome outcome;
  std::mutex mutex;
  run_ranks(static_cast<int>(schedule.size()), [&](const Communicator& comm) {
    LoggingRank rank(comm, options, is_fast);
    for (const auto& call : schedule[static_cast<std::size_t>(comm.rank())]) {
      if (call.pause_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(call.pause_us));
      if (call.is_flush) {
        CHECK(rank.flush().conflicts.empty());
        continue;
      }
      std::vector<std::string> names;
      for (const auto key : call.keys) names.push_back(name_of(key));
      std::vector<Item> items;
      for (std::size_t i = 0; i < names.size(); ++i) {
        items.emplace_back(names[i], value_of(call.keys[i], call.values[i]));
      }
      rank.log(items, call.step);
    }
    CHECK(rank.flush().conflicts.empty());
    const std::lock_guard lock(mutex);
    outcome.n_fast += rank.n_fast;
    if (comm.rank() != 0) return;
    // Before the first flush a rank may not have heard yet that others log a key.
    std::erase_if(rank.rows, [](const auto& row) { return std::get<0>(row.first) == 0; });
    outcome.rows = in_order_of_contents(rank.rows);
    outcome.n_block_rows = rank.n_block_rows;
  });
  return outcome;
}

// Merges all values in rank order, without windows or communication.
Rows reference(const Schedule& schedule) {
  std::map<RowPlace, std::pair<ranklog::Accumulator, Value>> cells;
  for (std::size_t rank = 0; rank < schedule.size(); ++rank) {
    int epoch = 0;
    std::map<std::tuple<int, std::size_t, std::int64_t>, int> n_before;
    for (const auto& call : schedule[rank]) {
      if (call.is_flush) ++epoch;
      for (std::size_t i = 0; i < call.keys.size(); ++i) {
        const auto key = call.keys[i];
        const auto value = value_of(key, call.values[i]);
        ranklog::Accumulator one;
        const auto r = static_cast<std::int32_t>(rank);
        if (key % 3 == 0)
          one.add_integer(value.integer(), 1, r);
        else
          one.add_real(value.real(), 1, r);
        const RowPlace place{epoch, name_of(key), *call.step, n_before[{epoch, key, *call.step}]++};
        if (epoch > 0)
          cells.try_emplace(place, ranklog::Accumulator{}, value).first->second.first.merge(one);
      }
    }
  }
  Rows rows;
  for (const auto& [place, cell] : cells) {
    auto info = std::make_shared<ranklog::MetricInfo>();
    info->key = std::get<1>(place);
    info->kind =
        cell.second.tag() == Value::Tag::integer ? ranklog::Kind::integer : ranklog::Kind::real;
    info->reduction = cell.second.reduction().value_or(Reduction::mean);
    Metric metric;
    metric.info = info;
    (void)finish(cell.first, metric);
    rows.emplace(place, metric);
  }
  return in_order_of_contents(rows);
}

void require_near(const Rows& actual, const Rows& expected) {
  REQUIRE(actual.size() == expected.size());
  for (const auto& [place, metric] : expected) {
    CAPTURE(std::get<1>(place));
    CAPTURE(std::get<2>(place));
    const auto found = actual.find(place);
    REQUIRE(found != actual.end());
    const Metric& got = found->second;
    REQUIRE(got.statistics.count == metric.statistics.count);
    REQUIRE(got.statistics.min_rank == metric.statistics.min_rank);
    REQUIRE(got.statistics.max_rank == metric.statistics.max_rank);
    REQUIRE(got.statistics.first_nan_rank == metric.statistics.first_nan_rank);
    REQUIRE(got.integer_value == metric.integer_value);
    if (std::isfinite(metric.value)) {
      REQUIRE(std::abs(got.value - metric.value) <= 1e-12 * std::max(1.0, std::abs(metric.value)));
    } else {
      REQUIRE(std::isnan(got.value) == std::isnan(metric.value));
    }
  }
}

void shake(Schedule& schedule, Random& random) {
  for (auto& calls : schedule) {
    for (auto& call : calls) {
      call.pause_us = random() % 20 == 0 ? static_cast<int>(random() % 200) : 0;
    }
  }
}

}  // namespace

TEST_CASE("random schedules give the same bits in blocks and row by row, and equal a reference") {
  std::int64_t n_block_rows = 0;
  for (const std::size_t n_ranks : {1U, 2U, 3U, 4U, 5U, 8U, 16U, 64U}) {
    Random random(static_cast<unsigned>(7000 + n_ranks));
    const int n_schedules = n_ranks <= 5 ? 25 : n_ranks <= 16 ? 6 : 2;
    for (int k = 0; k < n_schedules; ++k) {
      CAPTURE(n_ranks);
      CAPTURE(k);
      auto schedule = random_schedule(random, n_ranks);
      const auto slow = run(schedule, prompt(), false);
      require_near(slow.rows, reference(schedule));
      const auto fast = run(schedule, prompt(1 + static_cast<int>(random() % 10)), true);
      require_same(fast.rows, slow.rows);
      shake(schedule, random);
      require_same(run(schedule, prompt(1 + static_cast<int>(random() % 70)), true).rows,
                   slow.rows);
      CHECK(slow.n_fast == 0);
      n_block_rows += fast.n_block_rows;
    }
  }
  CHECK(n_block_rows > 1000);
}
