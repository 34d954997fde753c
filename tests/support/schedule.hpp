// Random schedules of who logs what, when, in which scope, and who flushes when: made from a seed,
// so that every rank knows the rows that all of them together must give.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"

namespace ranklog::test_support {

struct ScheduledCall {
  enum class What { log, log_main_only, flush };
  What what = What::log;
  std::optional<std::int64_t> step = {};
  std::vector<std::pair<std::string, double>> values = {};
};

struct Schedule {
  std::vector<std::vector<ScheduledCall>> calls;  // index: rank
  int window_rows = 1;
  bool sends_at_once = false;
};

// What a row holds of one key; whole numbers, so sums are exact in any order.
struct ExpectedValue {
  std::int64_t count = 0;
  double sum = 0;
  double min = 0;
  double max = 0;
  std::int32_t min_rank = -1;
  std::int32_t max_rank = -1;
  friend bool operator==(const ExpectedValue& a, const ExpectedValue& b) {
    return std::tie(a.count, a.sum, a.min, a.max, a.min_rank, a.max_rank) ==
           std::tie(b.count, b.sum, b.min, b.max, b.min_rank, b.max_rank);
  }
  friend bool operator<(const ExpectedValue& a, const ExpectedValue& b) {
    return std::tie(a.count, a.sum, a.min, a.max, a.min_rank, a.max_rank) <
           std::tie(b.count, b.sum, b.min, b.max, b.min_rank, b.max_rank);
  }
};
// The rows of a key at a step, sorted: more than one where ranks repeated the step or flushed.
using ExpectedRows = std::map<std::pair<std::string, std::int64_t>, std::vector<ExpectedValue>>;

namespace schedule_detail {

using Random = std::mt19937;

inline std::vector<std::pair<std::string, double>> random_values(Random& random, std::size_t rank,
                                                                 std::int64_t step) {
  const auto value = [&] { return static_cast<double>(random() % 2001) - 1000; };
  std::vector<std::pair<std::string, double>> values;
  for (std::size_t key = 0; key < 4; ++key) {
    if (random() % 3 != 0) values.emplace_back("shared/" + std::to_string(key), value());
  }
  if (random() % 4 == 0) values.emplace_back("only/" + std::to_string(rank), value());
  if (random() % 5 == 0) {
    values.emplace_back("new/" + std::to_string(rank) + "/" + std::to_string(step), value());
  }
  if (random() % 4 == 0) std::shuffle(values.begin(), values.end(), random);
  return values;
}

inline std::vector<ScheduledCall> random_calls(Random& random, std::size_t rank) {
  using What = ScheduledCall::What;
  std::vector<ScheduledCall> calls;
  const auto n_rows = random() % 6 == 0 ? 0 : random() % 20;
  std::int64_t step = 0;
  for (std::size_t i = 0; i < n_rows; ++i) {
    auto values = random_values(random, rank, step);
    if (!values.empty()) calls.push_back({What::log, step, std::move(values)});
    const auto extra = static_cast<double>(random() % 100);
    if (random() % 6 == 0) calls.push_back({What::log, std::nullopt, {{"unnumbered", extra}}});
    if (random() % 6 == 0) calls.push_back({What::log_main_only, step, {{"main", extra}}});
    if (random() % 5 != 0) step += 1 + static_cast<std::int64_t>(random() % 3);
  }
  for (auto n_flushes = random() % 3; n_flushes > 0; --n_flushes) {
    const auto at = static_cast<std::ptrdiff_t>(random() % (calls.size() + 1));
    calls.insert(calls.begin() + at, ScheduledCall{What::flush});
  }
  return calls;
}

// Numbers one rank's rows as log() does.
class Numbering {
 public:
  // {step of the row, how many rows of the key came before at that step}
  std::pair<std::int64_t, int> place(const std::string& key, std::optional<std::int64_t> step) {
    auto& last = last_[key];
    const auto own = step.value_or(last ? last->first + 1 : 0);
    last = last && last->first == own ? std::pair{own, last->second + 1} : std::pair{own, 0};
    return *last;
  }

 private:
  std::map<std::string, std::optional<std::pair<std::int64_t, int>>> last_;
};

inline void add(ExpectedValue& row, double value, std::int32_t rank) {
  if (row.count == 0 || value < row.min) std::tie(row.min, row.min_rank) = std::pair(value, rank);
  if (row.count == 0 || value > row.max) std::tie(row.max, row.max_rank) = std::pair(value, rank);
  row.sum += value;
  ++row.count;
}

}  // namespace schedule_detail

[[nodiscard]] inline Schedule random_schedule(std::uint32_t seed, int n_ranks) {
  schedule_detail::Random random(seed);
  Schedule schedule;
  schedule.window_rows = 1 + static_cast<int>(random() % 12);
  schedule.sends_at_once = random() % 2 == 0;
  for (std::size_t rank = 0; rank < static_cast<std::size_t>(n_ranks); ++rank) {
    schedule.calls.push_back(schedule_detail::random_calls(random, rank));
  }
  return schedule;
}

// Values meet when key, step and repeat agree and no flush stands between them.
[[nodiscard]] inline ExpectedRows expected_rows(const Schedule& schedule) {
  using What = ScheduledCall::What;
  std::map<std::tuple<std::string, std::int64_t, int, int>, ExpectedValue> met;
  for (std::size_t rank = 0; rank < schedule.calls.size(); ++rank) {
    schedule_detail::Numbering numbering;
    int epoch = 0;
    for (const auto& call : schedule.calls[rank]) {
      if (call.what == What::flush) ++epoch;
      if (call.what == What::log_main_only && rank != 0) continue;
      for (const auto& [key, value] : call.values) {
        const auto [step, repeat] = numbering.place(key, call.step);
        schedule_detail::add(met[{key, step, repeat, epoch}], value, static_cast<int>(rank));
      }
    }
  }
  ExpectedRows rows;
  for (const auto& [place, value] : met) {
    rows[{std::get<0>(place), std::get<1>(place)}].push_back(value);
  }
  for (auto& [place, values] : rows) std::sort(values.begin(), values.end());
  return rows;
}

[[nodiscard]] inline ExpectedRows recorded_rows(const MemoryTracker& memory) {
  ExpectedRows rows;
  for (const auto& record : memory.records()) {
    for (const auto& metric : record.metrics) {
      const auto& s = metric.statistics;
      rows[{metric.key(), record.row_step}].push_back(
          {s.count, metric.value, s.min, s.max, s.min_rank, s.max_rank});
    }
  }
  for (auto& [place, values] : rows) std::sort(values.begin(), values.end());
  return rows;
}

// Collective: makes this rank's calls. What rank 0's tracker received.
[[nodiscard]] inline std::shared_ptr<MemoryTracker> run_schedule(const Schedule& schedule,
                                                                 Communicator comm) {
  using What = ScheduledCall::What;
  const auto memory = std::make_shared<MemoryTracker>();
  const auto rank = static_cast<std::size_t>(comm.rank());
  Accelerator accelerator(
      {.log_with = memory,
       .communicator = std::move(comm),
       .flush_interval = std::chrono::milliseconds(schedule.sends_at_once ? 0 : 1000),
       .window_rows = schedule.window_rows});
  accelerator.init_trackers("schedules");
  for (const auto& call : schedule.calls[rank]) {
    if (call.what == What::flush) {
      accelerator.flush();
      continue;
    }
    Dict values;
    for (const auto& [key, value] : call.values) values.set(key, ranklog::sum(value));
    const auto scope = call.what == What::log ? Scope::all_ranks : Scope::main_process;
    accelerator.log(values, call.step, {.scope = scope});
  }
  accelerator.end_training();
  return memory;
}

}  // namespace ranklog::test_support
