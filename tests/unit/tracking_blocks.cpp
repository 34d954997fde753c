// Rows that are handed to trackers many at a time.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/record_block_pool.hpp"
#include "support/captured_stderr.hpp"
#include "support/scripted_tracker.hpp"
#include "tracking/dispatch.hpp"

using ranklog::MetricInfo;
using ranklog::PooledBlock;
using ranklog::RecordBlock;
using ranklog::RecordBlockPool;
using ranklog::TrackerContext;
using ranklog::test_support::CapturedStderr;
using ranklog::test_support::Script;
using ranklog::test_support::ScriptedTracker;
using ranklog::tracking::Audience;
using ranklog::tracking::Blocks;
using ranklog::tracking::Dispatch;
using ranklog::tracking::Selected;

namespace {

// Rows of one metric at those times; the value is the step.
PooledBlock block_of(RecordBlockPool& pool, const std::string& key, std::vector<double> times) {
  auto info = std::make_shared<MetricInfo>();
  info->key = key;
  auto block = pool.take();
  *block = RecordBlock{};
  block->n_ranks = 2;
  block->metrics.resize(1);
  auto& column = block->metrics[0];
  column.info = info;
  column.count = 2;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto step = static_cast<double>(i);
    block->row_step.push_back(static_cast<std::int64_t>(i));
    column.value.push_back(step);
    column.mean.push_back(step);
    column.min.push_back(step - 1);
    column.max.push_back(step + 1);
    column.std.push_back(1);
    column.min_rank.push_back(0);
    column.max_rank.push_back(1);
  }
  block->time = std::move(times);
  return block;
}

std::unique_ptr<Dispatch> started(const std::vector<std::shared_ptr<ScriptedTracker>>& trackers) {
  std::vector<Selected> selected;
  for (const auto& tracker : trackers) selected.push_back({tracker->name(), tracker, true});
  auto dispatch = std::make_unique<Dispatch>(std::move(selected), nullptr);
  dispatch->start([](const Selected&) { return TrackerContext{}; }, nullptr);
  return dispatch;
}

}  // namespace

TEST_CASE("a tracker that takes blocks gets them whole, others get their rows by time") {
  const auto whole = std::make_shared<ScriptedTracker>(Script{.takes_blocks = true});
  const auto single = std::make_shared<ScriptedTracker>(Script{.name = "single"});
  const auto on_caller = std::make_shared<ScriptedTracker>(
      Script{.name = "caller", .affinity = ranklog::ThreadAffinity::caller});
  const auto dispatch = started({whole, single, on_caller});
  const auto pool = std::make_shared<RecordBlockPool>();
  Blocks blocks;
  blocks.push_back(block_of(*pool, "a", {1.0, 3.0, 5.0}));
  blocks.push_back(block_of(*pool, "b", {2.0, 4.0}));
  dispatch->submit(blocks);
  CHECK(blocks.empty());
  CHECK(on_caller->records().size() == 5);
  dispatch->finish({});

  REQUIRE(whole->blocks().size() == 2);
  CHECK(whole->records().empty());
  CHECK(whole->blocks()[0].metrics[0].max[2] == 3);
  const auto records = single->records();
  REQUIRE(records.size() == 5);
  std::string keys;
  for (const auto& record : records) keys += record.metrics[0].key();
  CHECK(keys == "ababa");
  CHECK(records[4].step == 2);
  CHECK(records[4].n_ranks == 2);
  CHECK(records[4].metrics[0].value == 2);
  CHECK(records[4].metrics[0].statistics.count == 2);
  CHECK(records[4].metrics[0].statistics.weight == 2);
  CHECK(records[4].metrics[0].statistics.max == 3);
  CHECK(records[4].metrics[0].statistics.max_rank == 1);
  CHECK(records[4].metrics[0].statistics.first_nan_rank == -1);
}

TEST_CASE("blocks and single records keep the order in which they were handed over") {
  const auto tracker = std::make_shared<ScriptedTracker>();
  const auto dispatch = started({tracker});
  const auto pool = std::make_shared<RecordBlockPool>();
  for (int round = 0; round < 50; ++round) {
    Blocks blocks;
    blocks.push_back(block_of(*pool, "a", {1.0}));
    dispatch->submit(blocks);
    auto record = std::make_shared<ranklog::Record>();
    record->row_step = 100;
    dispatch->submit(record, nullptr, Audience::main_process);
  }
  dispatch->flush();
  const auto records = tracker->records();
  REQUIRE(records.size() == 100);
  for (std::size_t i = 0; i < 100; ++i) CHECK(records[i].row_step == (i % 2 == 0 ? 0 : 100));
}

TEST_CASE("a tracker that refuses a block is shielded, counted and named") {
  const CapturedStderr captured;
  const auto refuses =
      std::make_shared<ScriptedTracker>(Script{.throws_from = {"log_block"}, .takes_blocks = true});
  const auto other = std::make_shared<ScriptedTracker>(Script{.name = "other"});
  const auto dispatch = started({refuses, other});
  const auto pool = std::make_shared<RecordBlockPool>();
  Blocks blocks;
  blocks.push_back(block_of(*pool, "a", {1.0, 2.0}));
  dispatch->submit(blocks);
  dispatch->finish({});
  CHECK(other->records().size() == 2);
  REQUIRE(dispatch->failures().size() == 1);
  CHECK(dispatch->failures()[0].find("log_block: log_block refused") != std::string::npos);
}

TEST_CASE("a block that was delivered is used again") {
  const auto pool = std::make_shared<RecordBlockPool>();
  const RecordBlock* address = nullptr;
  {
    const auto block = pool->take();
    address = block.get();
  }
  const auto again = pool->take();
  CHECK(again.get() == address);
  CHECK(pool->take().get() != address);
}
