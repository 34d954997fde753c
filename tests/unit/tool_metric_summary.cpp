#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tools/ranklog/metric_summary.hpp"

using ranklog::Kind;
using ranklog::Reduction;
using ranklog::Series;
using ranklog::tool::MetricSummary;
using ranklog::tool::summarize;

namespace {

const double nan_value = std::numeric_limits<double>::quiet_NaN();

// Four rows of four ranks; rank 2 holds the largest value twice, rank 1 once, and once all agree.
Series losses() {
  Series series;
  series.info.key = "loss";
  series.info.n_rows = 4;
  series.step = {0, 10, 20, 30};
  series.value = {4, 3, 2, 1};
  series.min = {3, 2, 1, 1};
  series.max = {9, 4, 3, 1};
  series.min_rank = {0, 3, 3, 0};
  series.max_rank = {2, 1, 2, 0};
  series.count = {4, 4, 4, 4};
  series.nan_count = {0, 0, 0, 0};
  return series;
}

}  // namespace

TEST_CASE("mean is of the values; min and max are over ranks and rows") {
  const MetricSummary summary = summarize(losses());
  CHECK(summary.last == 1);
  CHECK(summary.last_step == 30);
  CHECK(summary.mean == 2.5);
  CHECK(summary.min == 1);
  CHECK(summary.max == 9);
}

TEST_CASE("the worst rank is the one that most often held the largest value") {
  const MetricSummary summary = summarize(losses());
  REQUIRE(summary.worst);
  CHECK(summary.worst->rank == 2);
  CHECK(summary.worst->n_rows_held == 2);
}

TEST_CASE("rows in which all ranks agree are not compared") {
  CHECK(summarize(losses()).worst->n_rows_compared == 3);
}

TEST_CASE("the lowest rank wins a tie for the worst") {
  Series series = losses();
  series.max_rank = {2, 1, 0, 0};
  series.max[3] = 5;
  series.max_rank[3] = 2;
  series.max_rank[2] = 1;
  CHECK(summarize(series).worst->rank == 1);
}

TEST_CASE("a metric reduced by min looks at the rank with the smallest value") {
  Series series = losses();
  series.info.reduction = Reduction::min;
  CHECK(summarize(series).worst->rank == 3);
}

TEST_CASE("a metric without differences between ranks has no worst rank") {
  Series series = losses();
  series.min = series.value;
  series.max = series.value;
  CHECK_FALSE(summarize(series).worst);
}

TEST_CASE("first, last, any and all have no worst rank") {
  for (const auto reduction : {Reduction::first, Reduction::last, Reduction::any, Reduction::all}) {
    Series series = losses();
    series.info.reduction = reduction;
    CHECK_FALSE(summarize(series).worst);
  }
}

TEST_CASE("a NaN is left out of the mean and counted") {
  Series series = losses();
  series.value[1] = nan_value;
  series.nan_count[1] = 2;
  series.first_nan_rank = {-1, 3, -1, -1};
  const MetricSummary summary = summarize(series);
  CHECK(summary.mean == doctest::Approx(7.0 / 3));
  CHECK(summary.n_nan_rows == 1);
  CHECK(summary.first_nan_step == 10);
  CHECK(summary.first_nan_rank == 3);
}

TEST_CASE("a NaN that the reduction skipped is counted too") {
  Series series = losses();
  series.nan_count[2] = 1;
  const MetricSummary summary = summarize(series);
  CHECK(summary.mean == 2.5);
  CHECK(summary.n_nan_rows == 1);
  CHECK(summary.first_nan_step == 20);
}

TEST_CASE("a last value that is NaN stays NaN") {
  Series series = losses();
  series.value[3] = nan_value;
  CHECK(std::isnan(summarize(series).last));
}

TEST_CASE("a metric of nothing but NaN has no numbers") {
  Series series = losses();
  for (auto* column : {&series.value, &series.min, &series.max}) column->assign(4, nan_value);
  const MetricSummary summary = summarize(series);
  CHECK(std::isnan(summary.mean));
  CHECK(std::isnan(summary.min));
  CHECK(std::isnan(summary.max));
  CHECK_FALSE(summary.worst);
}

TEST_CASE("rows that no rank logged are absent, not zero") {
  Series series = losses();
  series.count[3] = 0;
  const MetricSummary summary = summarize(series);
  CHECK(summary.last == 2);
  CHECK(summary.last_step == 20);
  CHECK(summary.mean == 3);
}

TEST_CASE("a large integer is kept exactly") {
  Series series = losses();
  series.info.kind = Kind::integer;
  series.info.reduction = Reduction::sum;
  series.integers = {1, 2, 3, 9007199254740993};
  CHECK(summarize(series).last_integer == 9007199254740993);
}

TEST_CASE("a text metric shows its last text") {
  Series series;
  series.info.kind = Kind::text;
  series.step = {1, 5};
  series.text = {"begin", "end"};
  const MetricSummary summary = summarize(series);
  CHECK(summary.last_text == "end");
  CHECK(summary.last_step == 5);
}

TEST_CASE("a metric without rows has no last step") {
  const MetricSummary summary = summarize(Series{});
  CHECK_FALSE(summary.last_step);
  CHECK(std::isnan(summary.last));
}

TEST_CASE("columns of different lengths are not read beyond their ends") {
  Series series = losses();
  series.max.resize(2);
  series.max_rank.resize(1);
  series.count.resize(3);
  series.nan_count.clear();
  const MetricSummary summary = summarize(series);
  CHECK(summary.max == 9);
  CHECK(summary.worst->n_rows_compared == 1);
}
