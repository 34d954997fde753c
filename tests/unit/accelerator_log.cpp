// The front door on in-process ranks: what log() makes of values, keys and steps.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"
#include "ranklog/testing.hpp"
#include "support/scripted_tracker.hpp"

using ranklog::Accelerator;
using ranklog::Communicator;
using ranklog::Dict;
using ranklog::MemoryTracker;
using ranklog::Metric;
using ranklog::Record;
using ranklog::RunStatus;
using ranklog::Scope;
using ranklog::Value;
using ranklog::testing::run_ranks;

namespace {

// Runs `body` on each rank with an initialised Accelerator, and returns what rank 0's tracker got.
std::shared_ptr<MemoryTracker> run(int n_ranks, const std::function<void(Accelerator&)>& body) {
  std::vector<std::shared_ptr<MemoryTracker>> trackers;
  for (int r = 0; r < n_ranks; ++r) trackers.push_back(std::make_shared<MemoryTracker>());
  run_ranks(n_ranks, [&](Communicator comm) {
    const auto rank = static_cast<std::size_t>(comm.rank());
    Accelerator accelerator({.log_with = trackers[rank], .communicator = std::move(comm)});
    accelerator.init_trackers("test");
    body(accelerator);
    accelerator.end_training();
  });
  for (std::size_t r = 1; r < trackers.size(); ++r) CHECK(trackers[r]->records().empty());
  return trackers[0];
}

Metric only(const MemoryTracker& tracker, const std::string& key) {
  const auto series = tracker.series(key);
  REQUIRE(series.size() == 1);
  return series[0];
}

}  // namespace

TEST_CASE("the program of the manual logs mean, sum and gathered values") {
  const auto memory = run(4, [](Accelerator& accelerator) {
    const int rank = accelerator.process_index();
    accelerator.log({{"train/loss", 1.0 * rank},
                     {"samples", ranklog::sum(10 + rank)},
                     {"loss_by_rank", ranklog::gather(1.0 * rank)}},
                    7);
  });
  REQUIRE(memory->records().size() == 1);
  CHECK(memory->records()[0].step == 7);
  CHECK(memory->records()[0].n_ranks == 4);
  const auto loss = only(*memory, "train/loss");
  CHECK(loss.value == 1.5);
  CHECK(loss.statistics.count == 4);
  CHECK(loss.statistics.min == 0);
  CHECK(loss.statistics.max_rank == 3);
  CHECK(only(*memory, "samples").integer_value == 46);
  const auto gathered = only(*memory, "loss_by_rank");
  REQUIRE(gathered.per_rank.size() == 4);
  CHECK(gathered.per_rank[2].rank == 2);
  CHECK(gathered.per_rank[2].reals == std::vector{2.0});
  CHECK(memory->outcome()->status == RunStatus::completed);
}

TEST_CASE("a weighted mean counts each rank by its weight, and weight 0 not at all") {
  const auto memory = run(3, [](Accelerator& accelerator) {
    const int rank = accelerator.process_index();
    accelerator.log({{"loss", ranklog::mean(10.0 * rank, rank)}}, 0);
  });
  const auto loss = only(*memory, "loss");
  CHECK(loss.value == doctest::Approx((10.0 * 1 + 20.0 * 2) / 3));
  CHECK(loss.statistics.count == 2);
  CHECK(loss.statistics.min_rank == 1);
}

TEST_CASE("a span adds each of its elements, an empty one nothing") {
  const auto memory = run(2, [](Accelerator& accelerator) {
    const std::vector<float> mine(accelerator.is_main_process() ? 0U : 3U, 2.0F);
    accelerator.log({{"span", mine}, {"parts", ranklog::gather(mine)}}, 0);
  });
  CHECK(only(*memory, "span").statistics.count == 3);
  const auto parts = only(*memory, "parts").per_rank;
  REQUIRE(parts.size() == 1);
  CHECK(parts[0].rank == 1);
  CHECK(parts[0].reals.size() == 3);
}

TEST_CASE("special numbers arrive as they are") {
  constexpr auto int_min = std::numeric_limits<std::int64_t>::min();
  constexpr auto int_max = std::numeric_limits<std::int64_t>::max();
  const auto memory = run(2, [&](Accelerator& accelerator) {
    const bool is_main = accelerator.is_main_process();
    accelerator.log({{"nan", is_main ? 1.0 : std::nan("")},
                     {"infinite", is_main ? 1.0 : INFINITY},
                     {"denormal", ranklog::min(5e-324)},
                     {"lowest", ranklog::min(is_main ? 0 : int_min)},
                     {"highest", ranklog::max(is_main ? int_max : 0)},
                     {"too much", ranklog::sum(int_max)}},
                    0);
  });
  CHECK(std::isnan(only(*memory, "nan").value));
  CHECK(only(*memory, "nan").statistics.first_nan_rank == 1);
  CHECK(only(*memory, "nan").statistics.mean == 1);
  CHECK(only(*memory, "infinite").value == INFINITY);
  CHECK(only(*memory, "denormal").value == 5e-324);
  CHECK(only(*memory, "lowest").integer_value == int_min);
  CHECK(only(*memory, "highest").integer_value == int_max);
  CHECK(only(*memory, "too much").integer_value == int_max);
}

TEST_CASE("rows without a step are numbered by key, the same on all ranks") {
  const auto memory = run(2, [](Accelerator& accelerator) {
    for (int i = 0; i < 3; ++i) accelerator.log({{"a", 1.0}});
    accelerator.log({{"b", 1.0}});
    accelerator.log({{"a", 1.0}, {"b", 1.0}});
  });
  const auto records = memory->records();
  std::vector<std::int64_t> steps;
  for (const auto& record : records) {
    CHECK_FALSE(record.step.has_value());
    CHECK(record.metrics[0].statistics.count == 2);
    steps.push_back(record.row_step);
  }
  CHECK(steps == std::vector<std::int64_t>{0, 1, 2, 0, 3});
}

TEST_CASE("a step that is logged twice gives two rows, not one sum") {
  const auto memory = run(3, [](Accelerator& accelerator) {
    for (int i = 0; i < 2; ++i) accelerator.log({{"a", ranklog::sum(1)}}, 5);
  });
  REQUIRE(memory->series("a").size() == 2);
  for (const auto& row : memory->series("a")) CHECK(row.integer_value == 3);
}

TEST_CASE("rank 0's own values do not involve the other ranks") {
  const auto memory = run(3, [](Accelerator& accelerator) {
    accelerator.log({{"mine", accelerator.process_index()}}, 1, {.scope = Scope::main_process});
    if (accelerator.is_main_process())
      accelerator.log({{"alone", 1}}, 2, {.scope = Scope::main_process});
  });
  CHECK(only(*memory, "mine").statistics.count == 1);
  CHECK(only(*memory, "alone").statistics.count == 1);
}

TEST_CASE("a declared reduction holds for plain values, with unit and name") {
  const auto memory = run(2, [](Accelerator& accelerator) {
    accelerator.define_metric(
        "tokens", {.reduce = ranklog::Reduction::sum, .unit = "1", .long_name = "tokens seen"});
    for (int step = 0; step < 3; ++step) accelerator.log({{"tokens", 5}}, step);
  });
  for (const auto& row : memory->series("tokens")) {
    CHECK(row.integer_value == 10);
    CHECK(row.info->unit == "1");
    CHECK(row.info->long_name == "tokens seen");
  }
}

TEST_CASE("a NaN is neither first nor last under the skip policy, unless all are NaN") {
  const double nan = std::nan("");
  const auto memory = run(2, [&](Accelerator& accelerator) {
    using ranklog::NanPolicy;
    using ranklog::Reduction;
    accelerator.define_metric("first", {.reduce = Reduction::first, .nan = NanPolicy::skip});
    accelerator.define_metric("last", {.reduce = Reduction::last, .nan = NanPolicy::skip});
    accelerator.define_metric("kept", {.reduce = Reduction::first});
    const auto log = [&](const std::vector<double>& mine, std::int64_t step) {
      accelerator.log({{"first", mine}, {"last", mine}, {"kept", mine}}, step);
    };
    const bool is_main = accelerator.is_main_process();
    log(is_main ? std::vector{nan, 3.0, nan} : std::vector{nan, 4.0, 5.0, nan}, 0);
    log(is_main ? std::vector{nan} : std::vector{nan, 6.0}, 1);
    log({nan, nan}, 2);
  });
  const auto first = memory->series("first");
  const auto last = memory->series("last");
  CHECK(first.at(0).value == 3);
  CHECK(last.at(0).value == 5);
  CHECK(first.at(1).value == 6);
  CHECK(last.at(1).value == 6);
  CHECK(std::isnan(first.at(2).value));
  CHECK(std::isnan(last.at(2).value));
  CHECK(first.at(2).statistics.nan_count == 4);
  for (const auto& row : memory->series("kept")) CHECK(std::isnan(row.value));
}

TEST_CASE("nested dictionaries become paths, 50 deep") {
  Dict deep;
  deep.set("leaf", 1.0);
  std::string path = "leaf";
  for (int depth = 0; depth < 50; ++depth) {
    Dict outer;
    outer.set("d", deep);
    deep = outer;
    path = "d/" + path;
  }
  const auto memory = run(2, [&](Accelerator& accelerator) {
    accelerator.log(deep, 0);
    accelerator.log({{"a", {{"b", {{"c", 1.0}}}, {"d", 2.0}}}}, 0);
  });
  CHECK(only(*memory, path).statistics.count == 2);
  CHECK(only(*memory, "a/b/c").value == 1);
  CHECK(only(*memory, "a/d").value == 2);
}

TEST_CASE("10,000 keys in one call and a text of 100 kB arrive whole") {
  const std::string text(100'000, 'x');
  const auto memory = run(3, [&](Accelerator& accelerator) {
    Dict many;
    for (int i = 0; i < 10'000; ++i) many.set("layer/" + std::to_string(i), 1.0 * i);
    for (int step = 0; step < 3; ++step) accelerator.log(many, step);
    accelerator.log({{"text", text}, {"texts", ranklog::gather(text)}}, 0);
  });
  const auto records = memory->records();
  REQUIRE(records.size() == 4);
  CHECK(records[0].metrics.size() == 10'000);
  CHECK(std::all_of(records[2].metrics.begin(), records[2].metrics.end(),
                    [](const Metric& metric) { return metric.statistics.count == 3; }));
  CHECK(only(*memory, "text").text == text);
  CHECK(only(*memory, "texts").per_rank[2].text == text);
}

TEST_CASE("what was logged before flush() is with the tracker when it returns") {
  (void)run(3, [](Accelerator& accelerator) {
    const auto handle = accelerator.get_tracker("memory");
    for (int step = 0; step < 10; ++step) accelerator.log({{"a", 1.0}}, step);
    accelerator.flush();
    if (!accelerator.is_main_process()) {
      CHECK(handle.is_null());
      return;
    }
    const auto* memory = handle.unwrap<MemoryTracker>();
    REQUIRE(memory != nullptr);
    CHECK(memory->series("a").size() == 10);
    for (const auto& row : memory->series("a")) CHECK(row.statistics.count == 3);
  });
}

TEST_CASE("a tracker that is spoken to directly gets rank 0's values unreduced, in order") {
  const auto memory = run(2, [](Accelerator& accelerator) {
    accelerator.log({{"a", 1.0}}, 0);
    accelerator.flush();
    accelerator.get_tracker("memory").log({{"own", 5}, {"note", "text"}}, 3);
    accelerator.log({{"a", 2.0}}, 1);
  });
  const auto records = memory->records();
  REQUIRE(records.size() == 3);
  CHECK(records[1].find("own")->value == 5);
  CHECK(records[1].find("note")->text == "text");
  CHECK(records[1].step == 3);
  CHECK(records[1].n_ranks == 1);
}

TEST_CASE("a tracker on every rank gets that rank's own values at once") {
  run_ranks(3, [](Communicator comm) {
    const auto mine = std::make_shared<MemoryTracker>(MemoryTracker::Scope::every_rank);
    Accelerator accelerator({.log_with = mine, .communicator = std::move(comm)});
    accelerator.init_trackers("test", {{"lr", 0.1}});
    const int rank = accelerator.process_index();
    for (int step = 0; step <= rank; ++step) accelerator.log({{"a", 1.0 * rank}}, step);
    CHECK(mine->configurations().size() == 1);
    accelerator.end_training();
    REQUIRE(mine->records().size() == static_cast<std::size_t>(rank) + 1);
    CHECK(mine->records()[0].metrics[0].value == rank);
    CHECK(mine->context().rank == rank);
    CHECK(mine->outcome()->status == RunStatus::completed);
  });
}

TEST_CASE("options of one call reach the tracker they are for") {
  const auto memory = run(2, [](Accelerator& accelerator) {
    accelerator.log({{"a", 1.0}}, 0,
                    {.tracker_options = {{"memory", {{"x", 1}}}, {"other", {{"y", 2}}}}});
    accelerator.log({{"a", 1.0}}, 1);
  });
  REQUIRE(memory->log_options().size() == 2);
  CHECK(memory->log_options()[0] == ranklog::Config{{"x", 1}});
  CHECK(memory->log_options()[1].empty());
}

TEST_CASE("without trackers every call is a no-op") {
  run_ranks(2, [](Communicator comm) {
    Accelerator accelerator({.communicator = std::move(comm)});
    accelerator.init_trackers("test");
    accelerator.log({{"a", 1.0}}, 0);
    accelerator.flush();
    CHECK(accelerator.get_tracker("anything").is_null());
    CHECK(accelerator.trackers().empty());
    accelerator.end_training();
  });
}

TEST_CASE("a forgotten end delivers everything all the same") {
  const auto memory = std::make_shared<MemoryTracker>();
  run_ranks(3, [&](Communicator comm) {
    Accelerator accelerator({.log_with = memory, .communicator = std::move(comm)});
    accelerator.init_trackers("test");
    for (int step = 0; step < 100; ++step) accelerator.log({{"a", 1.0}}, step);
  });
  CHECK(memory->series("a").size() == 100);
  CHECK(memory->outcome()->status == RunStatus::completed);
}

TEST_CASE("a rank that left goes along with the flushes of the others") {
  for (const int leaver : {0, 1, 2}) {
    CAPTURE(leaver);
    std::vector<std::shared_ptr<MemoryTracker>> trackers;
    for (int r = 0; r < 3; ++r) trackers.push_back(std::make_shared<MemoryTracker>());
    run_ranks(3, [&](Communicator comm) {
      const int rank = comm.rank();
      try {
        Accelerator accelerator({.log_with = trackers[static_cast<std::size_t>(rank)],
                                 .communicator = std::move(comm)});
        accelerator.init_trackers("test");
        for (std::int64_t step = 0; step < 4; ++step) {
          if (rank == leaver && step == 1) throw std::runtime_error("out of memory");
          accelerator.log({{"a", 1.0}}, step);
          if (step > 0) accelerator.flush();
        }
        accelerator.end_training();
      } catch (const std::runtime_error&) {
        CHECK(rank == leaver);
      }
    });
    const auto series = trackers[0]->series("a");
    REQUIRE(series.size() == 4);
    CHECK(series[0].statistics.count == 3);
    for (std::size_t i = 1; i < 4; ++i) CHECK(series[i].statistics.count == 2);
    CHECK(trackers[0]->outcome()->status == RunStatus::failed);
    CHECK(trackers[0]->outcome()->reason.find("rank " + std::to_string(leaver)) == 0);
  }
}
