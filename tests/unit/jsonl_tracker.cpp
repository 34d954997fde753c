// metrics.jsonl line by line, parsed by an independent JSON library.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "support/scratch_directory.hpp"
#include "support/tracker_records.hpp"
#include "trackers/jsonl/jsonl_tracker.hpp"

namespace {

using namespace ranklog;
using namespace ranklog::test_support;
using nlohmann::json;
using trackers::make_jsonl_tracker;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<json> lines_in(const std::filesystem::path& directory) {
  std::istringstream file(contents_of(directory / "metrics.jsonl"));
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  return lines;
}

// Logs `metric` at step 7 and returns its object in the row.
json logged(const Metric& metric) {
  const ScratchDirectory directory;
  const auto tracker = make_jsonl_tracker();
  tracker->start(context_in(directory.path()));
  tracker->log(record_at(7, {metric}, 1.5), {});
  tracker->finish({});
  const auto lines = lines_in(directory.path());
  REQUIRE(lines.size() == 4);
  CHECK(lines[2]["step"] == 7);
  CHECK(lines[2]["time"] == 1.5);
  return lines[2]["metrics"][metric.key()];
}

}  // namespace

TEST_CASE("the first line says which run this is and the last how it ended") {
  const ScratchDirectory directory;
  const auto tracker = make_jsonl_tracker();
  auto context = context_in(directory.path());
  context.n_ranks = 4;
  tracker->start(context);
  tracker->finish({RunStatus::failed, "out of \"luck\""});
  const auto lines = lines_in(directory.path());
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["ranklog_jsonl"] == 1);
  CHECK(lines[0]["project"] == "project");
  CHECK(lines[0]["run_name"] == "run");
  CHECK(lines[0]["run_id"] == "0123456789abcdef");
  CHECK(lines[0]["n_ranks"] == 4);
  CHECK(lines[0]["created"].is_string());
  CHECK(lines[1]["outcome"] == "failed");
  CHECK(lines[1]["reason"] == "out of \"luck\"");
}

TEST_CASE("the configuration keeps its types, lists, null and nesting") {
  const ScratchDirectory directory;
  const auto tracker = make_jsonl_tracker();
  tracker->start(context_in(directory.path()));
  tracker->store_init_configuration({{"lr", 1.0},
                                     {"n", std::int64_t{9007199254740993}},
                                     {"none", nullptr},
                                     {"deep", {{"layers", std::vector{1, 2}}, {"e", Config{}}}},
                                     {"bad", not_a_number},
                                     {"no", std::vector<int>{}}});
  tracker->finish({});
  const json config = lines_in(directory.path()).at(1)["config"];
  CHECK(config["lr"].is_number_float());
  CHECK(config["n"] == std::int64_t{9007199254740993});
  CHECK(config["none"].is_null());
  CHECK(config["deep"]["layers"] == json::array({1, 2}));
  CHECK(config["deep"]["e"] == json::object());
  CHECK(config["bad"] == "NaN");
  CHECK(config["no"] == json::array());
}

TEST_CASE("a row has the value and who was counted") {
  auto metric = real_metric("train/loss", 2.0);
  metric.statistics = {.count = 4,
                       .nan_count = 1,
                       .weight = 3,
                       .min = 1,
                       .max = 3,
                       .mean = 2,
                       .std = 0.5,
                       .min_rank = 3,
                       .max_rank = 1,
                       .first_nan_rank = 2};
  const json row = logged(metric);
  CHECK(row["value"] == 2.0);
  CHECK(row["value"].is_number_float());
  CHECK(row["min"] == 1.0);
  CHECK(row["max"] == 3.0);
  CHECK(row["mean"] == 2.0);
  CHECK(row["std"] == 0.5);
  CHECK(row["count"] == 4);
  CHECK(row["min_rank"] == 3);
  CHECK(row["max_rank"] == 1);
  CHECK(row["nan_count"] == 1);
  CHECK(row["first_nan_rank"] == 2);
}

TEST_CASE("NaN and the infinities are strings, because JSON has no numbers for them") {
  CHECK(logged(real_metric("a", not_a_number))["value"] == "NaN");
  CHECK(logged(real_metric("a", infinity))["value"] == "Infinity");
  CHECK(logged(real_metric("a", -infinity))["value"] == "-Infinity");
}

TEST_CASE("integers are exact and reals read back as the same double") {
  auto metric = real_metric(metric_info("n", Kind::integer, Reduction::sum), 0);
  metric.integer_value = 9007199254740993;
  CHECK(logged(metric)["value"] == std::int64_t{9007199254740993});
  CHECK(logged(real_metric("a", 0.1 + 0.2))["value"] == 0.1 + 0.2);
  CHECK(logged(real_metric("a", 5e-324))["value"] == 5e-324);
}

TEST_CASE("text and keys with quotes, newlines and any script survive") {
  CHECK(logged(text_metric("say \"hä\"", "two\nlines \xf0\x9f\x8c\xb1"))["value"] ==
        "two\nlines \xf0\x9f\x8c\xb1");
}

TEST_CASE("gathered values stand under the number of their rank") {
  auto metric = real_metric(metric_info("t", Kind::real, Reduction::gather), 1.5);
  metric.per_rank = {{0, {1}, {}, {}}, {3, {2, not_a_number}, {}, {}}};
  const json row = logged(metric);
  CHECK(row["value"] == 1.5);
  CHECK(row["per_rank"]["0"] == json::array({1.0}));
  CHECK(row["per_rank"]["3"] == json::array({2.0, "NaN"}));
  Metric text;
  text.info = metric_info("host", Kind::text, Reduction::gather);
  text.per_rank = {{1, {}, {}, "node1"}};
  CHECK(logged(text) == json{{"per_rank", {{"1", "node1"}}}});
}

TEST_CASE("a key is declared once, before its first row") {
  const ScratchDirectory directory;
  const auto tracker = make_jsonl_tracker();
  tracker->start(context_in(directory.path()));
  MetricInfo info;
  info.key = "t";
  info.reduction = Reduction::max;
  info.unit = "s";
  const auto shared = std::make_shared<const MetricInfo>(info);
  for (int step = 0; step < 2; ++step) {
    tracker->log(record_at(step, {real_metric(shared, step)}), {});
  }
  tracker->finish({});
  const auto lines = lines_in(directory.path());
  REQUIRE(lines.size() == 5);
  CHECK(lines[1]["metric"] == json{{"key", "t"},
                                   {"kind", "real"},
                                   {"reduction", "max"},
                                   {"nan", "propagate"},
                                   {"unit", "s"}});
  CHECK(lines[2]["step"] == 0);
  CHECK(lines[3]["step"] == 1);
}

TEST_CASE("the jsonl file of another run is not touched") {
  const ScratchDirectory directory;
  directory.write("metrics.jsonl", "mine\n");
  CHECK_THROWS_AS(make_jsonl_tracker()->start(context_in(directory.path())), RunExistsError);
  CHECK(contents_of(directory.path() / "metrics.jsonl") == "mine\n");
}

TEST_CASE("rows are buffered until a flush, which leaves whole lines") {
  const ScratchDirectory directory;
  const auto tracker = make_jsonl_tracker();
  tracker->start(context_in(directory.path(), {{"flush_interval_s", 3600}}));
  tracker->log(record_at(1, {real_metric("a", 1)}), {});
  CHECK(lines_in(directory.path()).size() == 1);
  tracker->flush();
  CHECK(lines_in(directory.path()).size() == 3);
  CHECK(contents_of(directory.path() / "metrics.jsonl").back() == '\n');
}

TEST_CASE("the jsonl tracker needs a directory and knows its options") {
  const ScratchDirectory directory;
  CHECK_THROWS_AS(make_jsonl_tracker()->start(context_in({})), MissingLoggingDirError);
  CHECK_THROWS_AS(make_jsonl_tracker()->start(context_in(directory.path(), {{"indent", 2}})),
                  UsageError);
}
