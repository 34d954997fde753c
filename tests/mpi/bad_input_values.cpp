// Values at the ends of what can be logged arrive intact over real MPI.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "mpi/mpi_test.hpp"
#include "ranklog/accelerator.hpp"
#include "ranklog/memory_tracker.hpp"
#include "support/error_of.hpp"

using ranklog::Accelerator;
using ranklog::Dict;
using ranklog::ErrorCode;
using ranklog::MemoryTracker;
using ranklog::Metric;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;
using ranklog::test_support::error_of;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr auto int_min = std::numeric_limits<std::int64_t>::min();
constexpr auto int_max = std::numeric_limits<std::int64_t>::max();

Metric only(const MemoryTracker& tracker, const std::string& key) {
  CAPTURE(key);
  const auto series = tracker.series(key);
  REQUIRE(series.size() == 1);
  return series[0];
}

}  // namespace

TEST_CASE("NaN, infinities, denormals and the ends of int64 arrive intact from the last rank") {
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory});
  accelerator.init_trackers("values");
  const bool is_last = accelerator.is_last_process();
  accelerator.log({{"nan", ranklog::max(is_last ? std::nan("") : 1.0 * world_rank())},
                   {"infinite", is_last ? -infinity : 1.0},
                   {"denormal", ranklog::min(is_last ? 5e-324 : 1.0)},
                   {"negative zero", ranklog::last(-0.0)},
                   {"large", ranklog::sum(is_last ? -1e308 : 1e308)},
                   {"lowest", ranklog::min(is_last ? int_min : 0)},
                   {"highest", ranklog::max(is_last ? int_max : 0)},
                   {"both", ranklog::gather(is_last ? int_min : int_max)}},
                  0);
  accelerator.end_training();
  if (world_rank() != 0) return;
  const int last = world_size() - 1;
  CHECK(std::isnan(only(*memory, "nan").value));
  CHECK(only(*memory, "nan").statistics.first_nan_rank == last);
  CHECK(only(*memory, "nan").statistics.nan_count == 1);
  if (last > 0) CHECK(only(*memory, "nan").statistics.max == last - 1);
  CHECK(only(*memory, "infinite").value == -infinity);
  CHECK(only(*memory, "infinite").statistics.min_rank == last);
  CHECK(only(*memory, "denormal").value == 5e-324);
  CHECK(std::signbit(only(*memory, "negative zero").value));
  if (world_size() == 2) CHECK(only(*memory, "large").value == 0);
  CHECK(only(*memory, "lowest").integer_value == int_min);
  CHECK(only(*memory, "highest").integer_value == int_max);
  CHECK(only(*memory, "both").per_rank.back().integers.at(0) == int_min);
}

TEST_CASE("the same NaN is skipped when that is asked for") {
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory});
  accelerator.define_metric("loss",
                            {.reduce = ranklog::Reduction::max, .nan = ranklog::NanPolicy::skip});
  accelerator.init_trackers("values");
  accelerator.log({{"loss", accelerator.is_last_process() ? std::nan("") : 1.0 + world_rank()}}, 0);
  accelerator.end_training();
  if (world_rank() != 0) return;
  const auto loss = only(*memory, "loss");
  CHECK(loss.statistics.nan_count == 1);
  if (world_size() == 1) {
    CHECK(std::isnan(loss.value));
  } else {
    CHECK(loss.value == world_size() - 1);
  }
}

TEST_CASE("a text of 100 kB and 10,000 keys in one call arrive whole, also from the last rank") {
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory});
  accelerator.init_trackers("values");
  std::string text(100'000, 'x');
  text.back() = static_cast<char>('0' + world_rank());
  accelerator.log({{"text", ranklog::last(text)}, {"texts", ranklog::gather(text)}}, 0);
  Dict many;
  for (int i = 0; i < 10'000; ++i) many.set("layer/" + std::to_string(i), 1.0 * i);
  for (int step = 0; step < 3; ++step) accelerator.log(many, step);
  accelerator.end_training();
  if (world_rank() != 0) return;
  CHECK(only(*memory, "text").text.size() == 100'000);
  CHECK(only(*memory, "text").text.back() == static_cast<char>('0' + world_size() - 1));
  CHECK(only(*memory, "texts").per_rank.size() == static_cast<std::size_t>(world_size()));
  const auto records = memory->records();
  REQUIRE(records.size() == 4);
  int n_wrong = 0;
  for (std::size_t i = 0; i < 10'000; ++i) {
    const Metric& metric = records.back().metrics.at(i);
    n_wrong += metric.value != static_cast<double>(i) || metric.statistics.count != world_size();
  }
  CHECK(n_wrong == 0);
}

TEST_CASE("dictionaries nest 50 deep") {
  const auto memory = std::make_shared<MemoryTracker>();
  Accelerator accelerator({.log_with = memory});
  accelerator.init_trackers("values");
  Dict deep;
  deep.set("leaf", ranklog::sum(1));
  std::string path = "leaf";
  for (int depth = 0; depth < 50; ++depth) {
    Dict outer;
    outer.set("d", deep);
    deep = std::move(outer);
    path = "d/" + path;
  }
  accelerator.log(deep, 0);
  for (int depth = 50; depth < 150; ++depth) {
    Dict outer;
    outer.set("d", deep);
    deep = std::move(outer);
  }
  CHECK(error_of([&] { accelerator.log(deep, 0); }).code == ErrorCode::invalid_key);
  accelerator.end_training();
  if (world_rank() == 0) CHECK(only(*memory, path).integer_value == world_size());
}

TEST_CASE("an unsigned number beyond int64 is refused before it is logged") {
  const auto thrown = error_of([] { (void)ranklog::Value(std::uint64_t{1} << 63U); });
  CHECK(thrown.code == ErrorCode::invalid_value);
  CHECK(thrown.says("log it as double"));
}
