// What the hdf5 tracker is given comes back from RunReader, exactly.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "ranklog/record_block.hpp"
#include "ranklog/run_reader.hpp"
#include "unit/hdf5_support.hpp"

using namespace ranklog;                // NOLINT: a test file
using namespace ranklog::test_support;  // NOLINT

namespace {
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr std::int64_t int_min = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t int_max = std::numeric_limits<std::int64_t>::max();

std::vector<std::string> keys_of(const RunReader& reader) {
  std::vector<std::string> keys;
  for (const SeriesInfo& info : reader.series()) keys.push_back(info.key);
  return keys;
}

bool same_bits(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }
}  // namespace

TEST_CASE("every column of a number comes back as it was recorded") {
  Run run;
  Metric metric = run.make.real("train/loss", 0.25);
  metric.statistics = {7, 2, 5.0, -1.5, 9.5, 0.25, 0.125, 3, 1, 2};
  run.log(5, {metric});
  run.finish();
  const Series series = RunReader(run.file()).read("train/loss");
  CHECK(series.step == std::vector<std::int64_t>{5});
  CHECK(series.time == std::vector<double>{1005.0});
  CHECK(series.value == std::vector<double>{0.25});
  CHECK(series.min == std::vector<double>{-1.5});
  CHECK(series.max == std::vector<double>{9.5});
  CHECK(series.std == std::vector<double>{0.125});
  CHECK(series.min_rank == std::vector<std::int32_t>{3});
  CHECK(series.max_rank == std::vector<std::int32_t>{1});
  CHECK(series.first_nan_rank == std::vector<std::int32_t>{2});
  CHECK(series.count == std::vector<std::int64_t>{7});
  CHECK(series.nan_count == std::vector<std::int64_t>{2});
  CHECK(series.integers.empty());
  CHECK_FALSE(series.info.has_per_rank);
}

TEST_CASE("NaN, infinities, denormals and signed zero keep their bits") {
  const std::vector<double> values{not_a_number, inf, -inf, 5e-324, -0.0, 1.7976931348623157e308};
  Run run;
  for (std::size_t i = 0; i < values.size(); ++i) {
    run.log(static_cast<std::int64_t>(i), {run.make.real("x", values[i])});
  }
  run.finish();
  const Series series = RunReader(run.file()).read("x");
  REQUIRE(series.value.size() == values.size());
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(same_bits(series.value[i], values[i]));
  CHECK(std::signbit(series.value[4]));
}

TEST_CASE("whole numbers are exact from the lowest to the highest") {
  Run run;
  const std::vector<std::int64_t> values{int_min, -1, 0, (std::int64_t{1} << 53) + 1, int_max};
  for (const std::int64_t value : values) run.log(0, {run.make.integer("tokens", value)});
  run.finish();
  CHECK(RunReader(run.file()).read("tokens").integers == values);
}

TEST_CASE("text of 100 kB, of no bytes and of several scripts comes back") {
  Run run;
  const std::string kilobytes(100'000, 'x');
  const std::vector<std::string> texts{kilobytes, "", "Grüße, 世界\n\tend"};
  for (const std::string& text : texts) run.log(0, {run.make.text("note", text)});
  run.finish();
  CHECK(RunReader(run.file()).read("note").text == texts);
}

TEST_CASE("text that HDF5 cannot keep is stored with its bytes escaped") {
  Run run;
  run.log(0, {run.make.text("note", std::string("a\0b", 3))});
  run.log(1, {run.make.text("note", "bad \xff byte")});
  run.finish();
  const Series series = RunReader(run.file()).read("note");
  CHECK(series.text == std::vector<std::string>{"a\\x00b", "bad \\xff byte"});
}

TEST_CASE("a gathered number shows each rank, and an absent rank as NaN with count 0") {
  Run run(3);
  run.log(0, {run.make.gathered("g", {{0, {1.5}, {}, {}}, {2, {not_a_number}, {}, {}}})});
  run.log(1, {run.make.gathered("g", {{0, {1}, {}, {}}, {1, {2}, {}, {}}, {2, {3}, {}, {}}})});
  run.finish();
  const Series series = RunReader(run.file()).read("g");
  CHECK(series.info.has_per_rank);
  CHECK(series.per_rank_width == 1);
  CHECK(series.per_rank_count == std::vector<std::int64_t>{1, 0, 1, 1, 1, 1});
  REQUIRE(series.per_rank.size() == 6);
  CHECK(series.per_rank[0] == 1.5);
  CHECK(std::isnan(series.per_rank[1]));
  CHECK(std::isnan(series.per_rank[2]));
  CHECK(std::vector<double>(series.per_rank.begin() + 3, series.per_rank.end()) ==
        std::vector<double>{1, 2, 3});
}

TEST_CASE("gathered spans are as wide as the widest, also when that comes later") {
  for (const bool flushes_between : {false, true}) {
    CAPTURE(flushes_between);
    Run run(2);
    run.log(0, {run.make.gathered("g", {{0, {1}, {}, {}}, {1, {2}, {}, {}}})});
    if (flushes_between) run.tracker.flush();
    run.log(1, {run.make.gathered("g", {{0, {3, 4}, {}, {}}, {1, {5}, {}, {}}})});
    if (flushes_between) run.tracker.flush();
    run.log(2, {run.make.gathered("g", {{1, {6, 7, 8}, {}, {}}})});
    run.finish();
    const Series series = RunReader(run.file()).read("g");
    CHECK(series.per_rank_width == 3);
    CHECK(series.per_rank_count == std::vector<std::int64_t>{1, 1, 2, 1, 0, 3});
    const std::vector<double> wanted{1,
                                     not_a_number,
                                     not_a_number,
                                     2,
                                     not_a_number,
                                     not_a_number,
                                     3,
                                     4,
                                     not_a_number,
                                     5,
                                     not_a_number,
                                     not_a_number,
                                     not_a_number,
                                     not_a_number,
                                     not_a_number,
                                     6,
                                     7,
                                     8};
    REQUIRE(series.per_rank.size() == wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      CAPTURE(i);
      CHECK(same_bits(series.per_rank[i], wanted[i]));
    }
  }
}

TEST_CASE("gathered whole numbers are exact") {
  Run run(2);
  run.log(0, {run.make.gathered("g", {{1, {}, {int_max}, {}}}, Kind::integer)});
  run.finish();
  const Series series = RunReader(run.file()).read("g");
  CHECK(series.per_rank_integers == std::vector<std::int64_t>{int_min, int_max});
  CHECK(std::isnan(series.per_rank[0]));
  CHECK(series.per_rank_count == std::vector<std::int64_t>{0, 1});
}

TEST_CASE("gathered text shows each rank") {
  Run run(3);
  run.log(0, {run.make.gathered("hosts", {{0, {}, {}, "n1"}, {2, {}, {}, ""}}, Kind::text)});
  run.finish();
  const Series series = RunReader(run.file()).read("hosts");
  CHECK(series.per_rank_text == std::vector<std::string>{"n1", "", ""});
  CHECK(series.per_rank_count == std::vector<std::int64_t>{1, 0, 1});
}

TEST_CASE("a part of a rank that the run does not have is refused, and the row is not written") {
  Run run(2);
  CHECK_THROWS_AS(run.log(0, {run.make.gathered("g", {{2, {1}, {}, {}}})}), InvalidValueError);
  run.log(1, {run.make.gathered("g", {{1, {1}, {}, {}}})});
  run.finish();
  CHECK(RunReader(run.file()).read("g").step == std::vector<std::int64_t>{1});
}

TEST_CASE("keys are listed in the order in which they were first recorded") {
  Run run;
  run.log(0, {run.make.real("z", 1), run.make.text("note", "t"), run.make.real("a", 1)});
  run.log(1, {run.make.real("m/n", 1)});
  run.finish();
  CHECK(keys_of(RunReader(run.file())) == std::vector<std::string>{"z", "note", "a", "m/n"});
}

TEST_CASE("a metric's declaration comes back") {
  Run run;
  run.make.unit = "m/s";
  run.make.long_name = "speed, größer";
  const auto info = run.make.declare("v", Kind::boolean, Reduction::any);
  run.log(0, {Metric{info, 1, 1, {}, {}, {}}});
  run.finish();
  const SeriesInfo found = RunReader(run.file()).series().at(0);
  CHECK(found.unit == "m/s");
  CHECK(found.long_name == "speed, größer");
  CHECK(found.kind == Kind::boolean);
  CHECK(found.reduction == Reduction::any);
}

TEST_CASE("a configuration of every type comes back, nested dictionaries last") {
  const Config config{{"lr", 1e-2},
                      {"batch", int_min},
                      {"debug", true},
                      {"nothing", nullptr},
                      {"empty", ""},
                      {"name/with/slash", "ä"},
                      {"layers", std::vector<int>{64, 32}},
                      {"flags", std::vector<ConfigValue>{true, false}},
                      {"names", std::vector<std::string>{"a", ""}},
                      {"no items", ConfigValue::List{}},
                      {"optimizer", {{"name", "adam"}, {"betas", std::vector<double>{0.9, 0.99}}}},
                      {"empty dictionary", Config()},
                      {"a/b%c", {{"x", 1}}},
                      {"..", {{"x", 2}}},
                      {"mixed", ConfigValue::List{1, 2.5, "x", nullptr, ConfigValue::List{1}}}};
  Run run;
  run.tracker.store_init_configuration(config);
  run.finish();
  const Config read = RunReader(run.file()).config();
  CHECK(to_text(read) == to_text(config));
  CHECK(read == config);
}

TEST_CASE("a list above 64 kB and 1000 hyper-parameters fit in the configuration") {
  Config config{{"large", std::vector<double>(20'000, 0.5)}};
  for (int i = 0; i < 1000; ++i) config.set("p" + std::to_string(i), i);
  Run run;
  run.tracker.store_init_configuration(config);
  run.finish();
  CHECK(RunReader(run.file()).config() == config);
}

TEST_CASE("a run without a configuration has an empty one") {
  Run run;
  run.finish();
  CHECK(RunReader(run.file()).config().empty());
}

TEST_CASE("identity, status, duration and last step are in the info") {
  Run run(4);
  run.log(3, {run.make.real("a", 1)});
  run.log(7, {run.make.real("b", 1)});
  run.finish();
  const RunInfo info = RunReader(run.directory.path()).info();
  CHECK(info.project == "digits");
  CHECK(info.run_name == "first");
  CHECK(info.run_id == "0123456789abcdef");
  CHECK(info.status == "completed");
  CHECK(info.n_ranks == 4);
  CHECK(info.last_step == 7);
  CHECK(info.created.back() == 'Z');
}

TEST_CASE("a failed run says so and why; one that was not finished is still running") {
  Run failed;
  failed.tracker.finish({RunStatus::failed, "out of memory"});
  CHECK(RunReader(failed.file()).info().status == "failed");
  ScratchDirectory directory;
  RecordMaker make;
  {
    trackers::Hdf5Tracker tracker;
    tracker.start(context_in(directory.path()));
    tracker.log(RecordMaker::record(0, {make.real("a", 1)}), {});
  }
  const RunReader reader(directory.path());
  CHECK(reader.info().status == "running");
  CHECK(reader.read("a").value.size() == 1);
}

TEST_CASE("provenance comes back") {
  ScratchDirectory directory;
  TrackerContext context = context_in(directory.path());
  Provenance provenance;
  provenance.facts = Config{{"user", "ada"}, {"jobsize", 2}, {"hostlist", "n[1-2]"}};
  provenance.ranks = {{0, 0, "n1", 11, "cpu"}, {1, 0, "n2", 12, "cpu"}};
  context.provenance = std::make_shared<const Provenance>(provenance);
  trackers::Hdf5Tracker tracker;
  tracker.start(context);
  tracker.finish({});
  const Provenance read = RunReader(directory.path()).provenance();
  CHECK(read.facts == provenance.facts);
  REQUIRE(read.ranks.size() == 2);
  CHECK(read.ranks[1].host == "n2");
  CHECK(read.ranks[1].world_rank == 1);
  CHECK(read.ranks[0].pid == 11);
}

TEST_CASE("a key that was not logged is a usage error that names it") {
  Run run;
  run.finish();
  CHECK_THROWS_WITH_AS((void)RunReader(run.file()).read("nope"), doctest::Contains("'nope'"),
                       UsageError);
}

TEST_CASE("rows that come in blocks are stored as those that come one by one") {
  Run one_by_one, in_blocks;
  for (int first = 0; first < 40; first += 10) {
    RecordBlock block;
    const std::string late = first >= 20 ? "late" : "b";
    for (Run* const run : {&one_by_one, &in_blocks}) {
      block = {};
      const auto add_column = [&](std::shared_ptr<const MetricInfo> info) {
        block.metrics.emplace_back().info = std::move(info);
      };
      add_column(run->make.declare("a"));
      add_column(run->make.declare("n", Kind::integer, Reduction::sum));
      if (first != 10) add_column(run->make.declare(late));
      for (int step = first; step < first + 10; ++step) {
        block.row_step.push_back(step);
        block.time.push_back(step + 0.5);
        for (BlockColumn& column : block.metrics) {
          column.count = 3;
          column.value.push_back(step);
          if (column.info->has_integer_value()) column.integer_value.push_back(step);
          column.min.push_back(-step);
          column.max.push_back(step + 1);
          column.mean.push_back(step);
          column.std.push_back(0.25);
          column.min_rank.push_back(0);
          column.max_rank.push_back(1);
        }
      }
      if (run == &in_blocks) {
        run->tracker.log_block(block);
      } else {
        run->tracker.GeneralTracker::log_block(block);
      }
      if (first == 10) run->tracker.flush();
    }
  }
  one_by_one.finish();
  in_blocks.finish();
  const RunReader expected(one_by_one.file()), found(in_blocks.file());
  REQUIRE(found.series().size() == 4);
  for (const SeriesInfo& info : expected.series()) {
    const Series want = expected.read(info.key), got = found.read(info.key);
    CAPTURE(info.key);
    CHECK(got.step == want.step);
    CHECK(got.time == want.time);
    CHECK(got.value == want.value);
    CHECK(got.integers == want.integers);
    CHECK(got.min == want.min);
    CHECK(got.max == want.max);
    CHECK(got.std == want.std);
    CHECK(got.count == want.count);
    CHECK(got.nan_count == want.nan_count);
    CHECK(got.min_rank == want.min_rank);
    CHECK(got.max_rank == want.max_rank);
    CHECK(got.first_nan_rank == want.first_nan_rank);
  }
}
