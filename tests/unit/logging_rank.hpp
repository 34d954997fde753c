// One in-process rank below the front door: recorder, fast way and exchange, with the times of the
// exchange in the test's hand.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "accelerator/fast_log.hpp"
#include "accelerator/recorder.hpp"
#include "ranklog/communicator.hpp"

namespace ranklog::test_support {

// Epoch (number of flushes before), key, step, and how many rows of that key and step came before.
using RowPlace = std::tuple<int, std::string, std::int64_t, int>;
using Rows = std::map<RowPlace, Metric>;

class LoggingRank {
 public:
  LoggingRank(const Communicator& comm, reduce::ExchangeOptions options, bool is_fast)
      : comm_(comm),
        recorder_(keys_, comm.rank()),
        exchange_(comm, keys_, std::move(options)),
        fast_log_(keys_, exchange_, comm.rank()),
        is_fast_(is_fast) {}

  void log(const std::vector<Item>& items, std::optional<std::int64_t> step) {
    if (is_fast_ && fast_log_.log(items, step)) {
      ++n_fast;
    } else {
      fast_log_.write_back();
      auto row = recorder_.make_row(items, step, RowKind::reduced, SourceLocation{});
      fast_log_.make_way(row);
      exchange_.submit(std::move(row));
      fast_log_.learn(items, step.has_value());
    }
    take();
  }
  reduce::DrainOutcome flush() {
    auto outcome = exchange_.drain(reduce::DrainReason::flush);
    take();
    ++epoch_;
    return outcome;
  }
  void poll() {
    exchange_.poll();
    take();
  }
  reduce::KeyTable& keys() { return keys_; }

  Rows rows;                       // what rank 0 got
  std::vector<std::string> order;  // "key@step" in the order of delivery
  std::int64_t n_fast = 0;         // calls that went the fast way
  std::int64_t n_block_rows = 0;   // rows that rank 0 got in blocks
  std::int64_t n_blocks = 0;

 private:
  void take() {
    std::vector<reduce::RowOrBlock> settled;
    exchange_.take_settled(settled);
    for (auto& item : settled) {
      if (!item.block) {
        add(recorder_.to_record(item.row, comm_.size()));
        continue;
      }
      RecordBlock block;
      reduce::finish_block(exchange_.shapes(), keys_, *item.block, comm_.size(), block);
      ++n_blocks;
      n_block_rows += static_cast<std::int64_t>(block.n_rows());
      Record record;
      for (std::size_t row = 0; row < block.n_rows(); ++row) {
        block.copy_row(row, record);
        add(record);
      }
      exchange_.shapes().give_back(std::move(item.block));
    }
  }
  void add(const Record& record) {
    for (const auto& metric : record.metrics) {
      order.push_back(metric.key() + "@" + std::to_string(record.row_step));
      int n_before = 0;
      while (rows.contains({epoch_, metric.key(), record.row_step, n_before})) ++n_before;
      rows.emplace(RowPlace{epoch_, metric.key(), record.row_step, n_before}, metric);
    }
  }

  const Communicator& comm_;
  reduce::KeyTable keys_;
  Recorder recorder_;
  reduce::Exchange exchange_;
  FastLog fast_log_;
  bool is_fast_;
  int epoch_ = 0;
};

// Rows go as soon as every rank that ever logged their keys has given them, or at a flush.
inline reduce::ExchangeOptions prompt(int window_rows = 4) {
  reduce::ExchangeOptions options;
  options.window_rows = window_rows;
  options.first_sight_s = 0;
  options.late_s = 1e9;
  options.flush_interval_s = 1e9;
  return options;
}

inline bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

inline void require_same(const Metric& a, const Metric& b) {
  REQUIRE(same_bits(a.value, b.value));
  REQUIRE(a.integer_value == b.integer_value);
  REQUIRE(a.statistics.count == b.statistics.count);
  REQUIRE(a.statistics.nan_count == b.statistics.nan_count);
  REQUIRE(a.statistics.weight == b.statistics.weight);
  REQUIRE(same_bits(a.statistics.min, b.statistics.min));
  REQUIRE(same_bits(a.statistics.max, b.statistics.max));
  REQUIRE(same_bits(a.statistics.mean, b.statistics.mean));
  REQUIRE(same_bits(a.statistics.std, b.statistics.std));
  REQUIRE(a.statistics.min_rank == b.statistics.min_rank);
  REQUIRE(a.statistics.max_rank == b.statistics.max_rank);
  REQUIRE(a.statistics.first_nan_rank == b.statistics.first_nan_rank);
}

// Places that only one of the two has, for messages.
inline std::string difference(const Rows& actual, const Rows& expected) {
  std::string text;
  const auto add = [&](const char* mark, const Rows& these, const Rows& others) {
    for (const auto& [place, metric] : these) {
      if (others.contains(place)) continue;
      const auto& [epoch, key, step, n_before] = place;
      text += fmt::format("{} epoch {} {} at {} no. {} (count {}); ", mark, epoch, key, step,
                          n_before, metric.statistics.count);
    }
  };
  add("+", actual, expected);
  add("-", expected, actual);
  return text;
}

inline void require_same(const Rows& actual, const Rows& expected) {
  CAPTURE(difference(actual, expected));
  REQUIRE(actual.size() == expected.size());
  for (const auto& [place, metric] : expected) {
    const auto& [epoch, key, step, n_before] = place;
    CAPTURE(epoch);
    CAPTURE(key);
    CAPTURE(step);
    CAPTURE(n_before);
    const auto found = actual.find(place);
    REQUIRE(found != actual.end());
    require_same(found->second, metric);
  }
}

}  // namespace ranklog::test_support
