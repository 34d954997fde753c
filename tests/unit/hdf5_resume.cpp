// Several attempts at one run: the rows that a user sees are those of a run that was never
// interrupted, and what was replaced is kept.
#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "support/scratch_directory.hpp"
#include "unit/hdf5_support.hpp"

using namespace ranklog;                // NOLINT: a test file
using namespace ranklog::test_support;  // NOLINT

namespace {

// One attempt of a tracker of its own, as a new process would have.
class Attempt {
 public:
  Attempt(const ScratchDirectory& directory, std::int32_t number, std::int64_t from_step,
          std::int32_t n_ranks = 2) {
    TrackerContext context = context_in(directory.path(), n_ranks,
                                        {{"flush_interval_s", 1e6}, {"flush_rows", 1'000'000}});
    context.attempt = number;
    context.is_resumed = number > 0;
    context.from_step = from_step;
    auto provenance = std::make_shared<Provenance>();
    provenance->facts.set("cmdline", "attempt " + std::to_string(number));
    for (std::int32_t rank = 0; rank < n_ranks; ++rank) {
      provenance->ranks.push_back({rank, rank, "node" + std::to_string(number), 100 + rank, "cpu"});
    }
    context.provenance = provenance;
    tracker = std::make_unique<trackers::Hdf5Tracker>();
    tracker->start(context);
  }
  void log(std::int64_t step, std::vector<Metric> metrics) {
    tracker->log(RecordMaker::record(step, std::move(metrics)), {});
  }
  // What a run logs at `step`, the same in every attempt: numbers, text, gathered values; `odd` at
  // odd steps only, so that tables split; `late` from step 60 on.
  void log_step(std::int64_t step) {
    const auto x = static_cast<double>(step);
    std::vector<Metric> metrics{
        make.real("loss", x), make.integer("n", step * 7),
        make.text("note", "step " + std::to_string(step)),
        make.gathered("each", {{0, {x}, {}, {}}, {1, {x + 0.5}, {}, {}}}),
        make.gathered("which", {{0, {}, {}, "a" + std::to_string(step)}}, Kind::text)};
    if (step % 2 == 1) metrics.push_back(make.real("loss/odd", -x));
    if (step >= 60) metrics.push_back(make.real("late", 2 * x));
    log(step, std::move(metrics));
  }
  void log_steps(std::int64_t first, std::int64_t end) {
    for (std::int64_t step = first; step < end; ++step) log_step(step);
  }
  void finish() { tracker->finish({}); }
  // As SIGKILL after a flush.
  void flush_and_forget() {
    tracker->flush();
    // A killed process does not run destructors either. Kept, so that it does not count as a leak.
    static auto& forgotten = *new std::vector<std::unique_ptr<trackers::Hdf5Tracker>>();
    forgotten.push_back(std::move(tracker));
  }

  RecordMaker make;
  std::unique_ptr<trackers::Hdf5Tracker> tracker;
};

void check_same(const Series& a, const Series& b) {
  CAPTURE(a.info.key);
  CHECK(a.info.kind == b.info.kind);
  CHECK(a.info.reduction == b.info.reduction);
  CHECK(a.step == b.step);
  CHECK(a.time == b.time);
  CHECK(a.integers == b.integers);
  CHECK(a.text == b.text);
  CHECK(a.per_rank_text == b.per_rank_text);
  CHECK(a.per_rank_count == b.per_rank_count);
  CHECK(a.count == b.count);
  if (a.info.kind != Kind::text && a.info.reduction != Reduction::gather) CHECK(a.value == b.value);
  CHECK(a.min_rank == b.min_rank);
  if (a.info.key == "each") CHECK(a.per_rank == b.per_rank);
}

std::filesystem::path file_in(const ScratchDirectory& directory) {
  return directory.path() / "run.h5";
}

}  // namespace

TEST_CASE("three attempts with overlapping steps give the series of an uninterrupted run") {
  ScratchDirectory whole, parts;
  {
    Attempt one(whole, 0, 0);
    one.log_steps(0, 150);
    one.finish();
  }
  {
    Attempt first(parts, 0, 0);
    first.log_steps(0, 100);
    first.finish();
  }
  {
    Attempt second(parts, 1, 50);
    second.log_steps(50, 120);
    second.finish();
  }
  {
    Attempt third(parts, 2, 30);
    third.log_steps(30, 150);
    third.finish();
  }
  const RunReader expected(file_in(whole)), resumed(file_in(parts));
  const auto series = expected.series();
  REQUIRE(resumed.series().size() == series.size());
  for (const SeriesInfo& info : series) {
    check_same(resumed.read(info.key), expected.read(info.key));
  }
  CHECK(resumed.info().status == "completed");
  CHECK(resumed.info().last_step == 149);
}

TEST_CASE("replaced rows stay under the attempt that recorded them") {
  ScratchDirectory directory;
  {
    Attempt first(directory, 0, 0);
    first.log_steps(0, 100);
    first.finish();
  }
  {
    Attempt second(directory, 1, 50);
    second.log_steps(50, 120);
    second.finish();
  }
  {
    Attempt third(directory, 2, 30);
    third.log_steps(30, 150);
    third.finish();
  }
  const RunReader reader(file_in(directory));
  const auto steps_of = [&](std::int32_t attempt, std::int32_t by, const std::string& key) {
    for (const AbandonedSeries& one : reader.abandoned()) {
      if (one.attempt != attempt || one.replaced_by != by || one.info.key != key) continue;
      const Series series = reader.read_abandoned(one);
      REQUIRE_FALSE(series.step.empty());
      return std::pair(series.step.front(), series.step.back());
    }
    return std::pair<std::int64_t, std::int64_t>(-1, -1);
  };
  using Range = std::pair<std::int64_t, std::int64_t>;
  CHECK(steps_of(0, 1, "loss") == Range(50, 99));
  CHECK(steps_of(0, 2, "loss") == Range(30, 49));
  CHECK(steps_of(1, 2, "loss") == Range(50, 119));
  CHECK(steps_of(0, 1, "loss/odd") == Range(51, 99));
  CHECK(steps_of(0, 1, "late") == Range(60, 99));
  CHECK(steps_of(0, 2, "late") == Range(-1, -1));
  for (const AbandonedSeries& one : reader.abandoned()) {
    const Series series = reader.read_abandoned(one, {.columns = Columns::all});
    CAPTURE(one.info.key);
    for (std::size_t row = 0; row < series.step.size(); ++row) {
      if (one.info.key == "loss") CHECK(series.value[row] == static_cast<double>(series.step[row]));
      if (one.info.key == "note") {
        CHECK(series.text[row] == "step " + std::to_string(series.step[row]));
      }
      if (one.info.key == "each") {
        CHECK(series.per_rank[row * 2 + 1] == static_cast<double>(series.step[row]) + 0.5);
      }
    }
  }
}

TEST_CASE("every attempt keeps its provenance, its ranks and how it ended") {
  ScratchDirectory directory;
  {
    Attempt first(directory, 0, 0);
    first.log_step(0);
    first.flush_and_forget();
  }
  {
    Attempt second(directory, 1, 1);
    second.log_step(1);
    second.tracker->finish({RunStatus::failed, "rank 1: out of luck"});
  }
  {
    Attempt third(directory, 2, 2);
    third.log_step(2);
    third.finish();
  }
  const RunReader reader(file_in(directory));
  const auto attempts = reader.attempts();
  REQUIRE(attempts.size() == 3);
  CHECK(attempts[0].status == "interrupted");
  CHECK(attempts[1].status == "failed");
  CHECK(attempts[2].status == "completed");
  CHECK_FALSE(attempts[0].from_step);
  CHECK(attempts[2].from_step == 2);
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    CHECK(attempts[i].facts == Config{{"cmdline", "attempt " + std::to_string(i)}});
  }
  CHECK(reader.provenance().ranks.front().host == "node2");
}

TEST_CASE(
    "an attempt with more ranks widens what was gathered, one with fewer leaves cells empty") {
  ScratchDirectory directory;
  {
    Attempt first(directory, 0, 0, 2);
    first.log_steps(0, 10);
    first.finish();
  }
  {
    Attempt second(directory, 1, 10, 3);
    const auto x = [](std::int64_t step) { return static_cast<double>(step); };
    for (std::int64_t step = 10; step < 20; ++step) {
      second.log(step, {second.make.gathered("each", {{0, {x(step)}, {}, {}},
                                                      {1, {x(step) + 0.5}, {}, {}},
                                                      {2, {x(step) + 0.75}, {}, {}}})});
    }
    second.finish();
  }
  {
    Attempt third(directory, 2, 15, 1);
    third.log(15, {third.make.gathered("each", {{0, {15.0}, {}, {}}})});
    third.finish();
  }
  const RunReader reader(file_in(directory));
  const Series each = reader.read("each");
  REQUIRE(each.step.size() == 16);
  REQUIRE(each.per_rank.size() == 16 * 3);
  CHECK(each.per_rank[9 * 3 + 1] == 9.5);
  CHECK(std::isnan(each.per_rank[9 * 3 + 2]));
  CHECK(each.per_rank_count[9 * 3 + 2] == 0);
  CHECK(each.per_rank[12 * 3 + 2] == 12.75);
  CHECK(each.per_rank[15 * 3] == 15.0);
  CHECK(each.per_rank_count[15 * 3 + 1] == 0);
  CHECK(reader.read("which").per_rank_text[3 * 3] == "a3");
  CHECK(reader.info().n_ranks == 1);
  CHECK(reader.provenance().ranks.size() == 1);
}

TEST_CASE("keys that one attempt alone logs stay whole") {
  ScratchDirectory directory;
  {
    Attempt first(directory, 0, 0);
    first.log(0, {first.make.real("a", 1), first.make.real("only_first", 5)});
    first.log(1, {first.make.real("a", 2), first.make.real("only_first", 6)});
    first.finish();
  }
  {
    Attempt second(directory, 1, 1);
    second.log(1, {second.make.real("only_second", 9), second.make.real("a", 3)});
    second.finish();
  }
  const RunReader reader(file_in(directory));
  CHECK(reader.read("a").value == std::vector{1.0, 3.0});
  CHECK(reader.read("a").step == std::vector<std::int64_t>{0, 1});
  CHECK(reader.read("only_first").value == std::vector{5.0});
  CHECK(reader.read("only_second").value == std::vector{9.0});
  const auto series = reader.series();
  REQUIRE(series.size() == 3);
  CHECK(series[2].key == "only_second");
}

TEST_CASE("the summary covers the continuous series") {
  ScratchDirectory directory;
  {
    Attempt first(directory, 0, 0);
    first.log(0, {first.make.real("a", 1)});
    first.log(1, {first.make.real("a", 1000)});
    first.finish();
  }
  {
    Attempt second(directory, 1, 1);
    second.log(1, {second.make.real("b", 3)});
    second.finish();
  }
  const RunReader reader(file_in(directory));
  const auto summary = reader.summary();
  REQUIRE(summary.size() == 2);
  CHECK(summary[0].key == "a");
  CHECK(summary[0].last == 1);
  CHECK(summary[0].max == 2);  // rank 1 logged one more
  CHECK(summary[0].count == 2);
  CHECK(summary[1].key == "b");
}

TEST_CASE("the newest configuration is shown, earlier ones stay with their attempts") {
  ScratchDirectory directory;
  {
    Attempt first(directory, 0, 0);
    first.tracker->store_init_configuration({{"lr", 0.1}});
    first.finish();
  }
  {
    Attempt second(directory, 1, 0);
    second.tracker->store_init_configuration({{"lr", 0.2}});
    second.finish();
  }
  CHECK(RunReader(file_in(directory)).config() == Config{{"lr", 0.2}});
}

TEST_CASE("a key that changed its type is reported once and does not hold up the others") {
  ScratchDirectory directory;
  {
    Attempt first(directory, 0, 0);
    first.log(0, {first.make.real("a", 1), first.make.real("b", 1)});
    first.finish();
  }
  {
    Attempt second(directory, 1, 1);
    const auto log = [&](std::int64_t step) {
      second.log(step, {second.make.integer("a", 2), second.make.real("b", 2)});
    };
    CHECK_THROWS_WITH_AS(log(1), doctest::Contains("was recorded as real under mean"),
                         ConflictError);
    CHECK_NOTHROW(log(2));
    second.finish();
  }
  const RunReader reader(file_in(directory));
  CHECK(reader.read("a").value == std::vector{1.0});
  CHECK(reader.read("b").step == std::vector<std::int64_t>{0, 1, 2});
}

TEST_CASE("rows that came late are judged by their step") {
  ScratchDirectory directory;
  {
    Attempt first(directory, 0, 0);
    for (const std::int64_t step : {0, 1, 5, 2, 6, 3}) {
      first.log(step, {first.make.real("a", static_cast<double>(step))});
    }
    first.finish();
  }
  {
    Attempt second(directory, 1, 3);
    second.log(3, {second.make.real("a", 30)});
    second.finish();
  }
  const Series a = RunReader(file_in(directory)).read("a");
  CHECK(a.step == std::vector<std::int64_t>{0, 1, 2, 3});
  CHECK(a.value == std::vector{0.0, 1.0, 2.0, 30.0});
}

TEST_CASE("a tracker knows the step behind the last one") {
  ScratchDirectory directory;
  trackers::Hdf5Tracker tracker;
  CHECK(tracker.next_step(directory.path()) == 0);
  {
    Attempt first(directory, 0, 0);
    first.log_steps(0, 12);
    first.finish();
  }
  CHECK(tracker.next_step(directory.path()) == 12);
}

TEST_CASE("a damaged file is not resumed") {
  ScratchDirectory directory;
  {
    Attempt first(directory, 0, 0);
    first.log_steps(0, 12);
    first.finish();
  }
  std::filesystem::resize_file(file_in(directory), 2000);
  CHECK_THROWS_AS(Attempt(directory, 1, 5), IoError);
}

TEST_CASE("a configuration comes back in its order, nested and empty dictionaries included") {
  const Config config{{"a", {{"x", 1}}},
                      {"b", 2},
                      {"mixed", ConfigValue::List{1, "two"}},
                      {"c", 3},
                      {"empty", Config{}},
                      {"d", {{"deep", {{"y", 1}}}, {"z", 2}}}};
  ScratchDirectory directory;
  Attempt attempt(directory, 0, 0);
  attempt.tracker->store_init_configuration(config);
  attempt.finish();
  CHECK(RunReader(file_in(directory)).config() == config);
}

TEST_CASE("columns, rows and steps can be chosen") {
  ScratchDirectory directory;
  Attempt attempt(directory, 0, 0);
  attempt.log_steps(0, 100);
  attempt.finish();
  const RunReader reader(file_in(directory));
  const Series some = reader.read("each", {.columns = Columns::max | Columns::count,
                                           .rows = {.first = 10, .end = 21, .stride = 5}});
  CHECK(some.step == std::vector<std::int64_t>{10, 15, 20});
  CHECK(some.count.size() == 3);
  CHECK(some.max.size() == 3);
  CHECK(some.value.empty());
  CHECK(some.per_rank.empty());
  const Series odd = reader.read("loss/odd", {.columns = Columns::all, .steps = StepRange{50, 55}});
  CHECK(odd.step == std::vector<std::int64_t>{51, 53, 55});
  CHECK(odd.value == std::vector{-51.0, -53.0, -55.0});
  const Series text = reader.read("which", {.columns = Columns::all, .steps = StepRange{98, 500}});
  CHECK(text.per_rank_text == std::vector<std::string>{"a98", "", "a99", ""});
  CHECK(reader.read("loss", {.rows = {.first = 1000}}).step.empty());
  CHECK(reader.read("loss", {.steps = StepRange{200, 300}}).step.empty());
}
