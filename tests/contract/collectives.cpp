// Rows P6 to P11 of docs/tracking_contract.md: gather, reduce and pad on the caller's data.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "contract/contract_test.hpp"
#include "mpi/mpi_test.hpp"
#include "ranklog/ranklog.hpp"

using namespace ranklog;
using namespace ranklog::contract;
using collectives::PadSide;
using ranklog::mpi_test::world_rank;
using ranklog::mpi_test::world_size;

namespace {

std::size_t size_of(int n) { return static_cast<std::size_t>(n); }

// 0, 1, 2, ... of the ranks, as any number type.
template <class T>
std::vector<T> rank_numbers() {
  std::vector<T> ranks(size_of(world_size()));
  std::iota(ranks.begin(), ranks.end(), T{});
  return ranks;
}

// The leaves of a dictionary as numbers, nested keys joined by `/`.
std::map<std::string, std::vector<double>> leaves_of(std::span<const Item> items,
                                                     const std::string& prefix = {}) {
  std::map<std::string, std::vector<double>> leaves;
  for (const Item& item : items) {
    const std::string key = prefix + std::string(item.key);
    if (item.value.tag() == Value::Tag::nested) {
      leaves.merge(leaves_of(item.value.nested(), key + "/"));
    } else if (item.value.tag() == Value::Tag::numbers) {
      const NumberSpan& numbers = item.value.numbers();
      for (std::size_t i = 0; i < numbers.n; ++i)
        leaves[key].push_back(numbers.is_integer() ? static_cast<double>(numbers.integer(i))
                                                   : numbers.real(i));
    }
  }
  return leaves;
}

// The same error on all ranks, if there is more than one rank to disagree.
void check_mismatch(const Failure& failure) {
  CHECK(failure.code == (world_size() > 1 ? ErrorCode::shape_mismatch : ErrorCode::none));
  CHECK(is_same_on_all_ranks(failure.text));
}

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("P6: gather concatenates in rank order, on all ranks, also uneven parts") {
  const Accelerator accelerator;
  CHECK(accelerator.gather(1.0 * world_rank()) == rank_numbers<double>());
  CHECK(accelerator.gather(std::int32_t{world_rank()}) == rank_numbers<std::int32_t>());

  // Rank r gives r times its number; rank 0 nothing.
  const std::vector<std::int64_t> mine(size_of(world_rank()), world_rank());
  std::vector<std::int64_t> expected;
  for (int rank = 0; rank < world_size(); ++rank)
    expected.insert(expected.end(), size_of(rank), rank);
  CHECK(accelerator.gather(mine) == expected);
}

TEST_CASE("P6: gather of a dictionary gathers every leaf, nested ones too") {
  const Accelerator accelerator;
  const std::vector<float> pair{1.0F * static_cast<float>(world_rank()), 0.5F};
  Dict values;
  values.set("loss", 1.0 * world_rank());
  values.set("n", world_rank());
  values.set("eval", {{"pair", pair}});
  const auto all = leaves_of(accelerator.gather(values).items());
  REQUIRE(all.size() == 3);
  CHECK(all.at("loss") == rank_numbers<double>());
  CHECK(all.at("n") == rank_numbers<double>());
  REQUIRE(all.at("eval/pair").size() == size_of(2 * world_size()));
  CHECK(all.at("eval/pair")[size_of(2 * world_size() - 2)] == world_size() - 1);
}

TEST_CASE("P7: ranks that gather different types all get the same error") {
  const Accelerator accelerator;
  const Failure failure = failure_of([&] {
    if (world_rank() == 0) {
      (void)accelerator.gather(std::vector<double>{1.0});
    } else {
      (void)accelerator.gather(std::vector<float>{1.0F});
    }
  });
  check_mismatch(failure);
  if (world_size() > 1) CHECK(failure.says("rank 0: f64, rank 1: f32"));
}

TEST_CASE("P7: ranks that reduce different lengths all get an error with each length") {
  const Accelerator accelerator;
  const Failure failure = failure_of(
      [&] { (void)accelerator.reduce(std::vector<double>(size_of(world_rank() + 2), 1.0)); });
  check_mismatch(failure);
  if (world_size() > 1) {
    CHECK(failure.says("f64[2]"));
    CHECK(failure.says("f64[3]"));
    CHECK(failure.says("pad_across_processes"));
  }
}

TEST_CASE("P7: ranks that reduce in different ways all get the same error") {
  const Accelerator accelerator;
  const auto mine = world_rank() == 0 ? Reduction::sum : Reduction::max;
  check_mismatch(failure_of([&] { (void)accelerator.reduce(1.0, mine); }));
  const auto impossible = world_rank() == 0 ? Reduction::sum : Reduction::gather;
  check_mismatch(failure_of([&] { (void)accelerator.reduce(1.0, impossible); }));
  const double scale = world_rank() == 0 ? 1.0 : 2.0;
  check_mismatch(failure_of([&] { (void)accelerator.reduce(1.0, Reduction::sum, scale); }));
}

TEST_CASE("P7: dictionaries that differ in a key, nested or not, are the same error everywhere") {
  const Accelerator accelerator;
  const bool is_main = world_rank() == 0;
  const auto check = [&](const Dict& values) {
    check_mismatch(failure_of([&] { (void)accelerator.gather(values); }));
    check_mismatch(failure_of([&] { (void)accelerator.reduce(values); }));
  };
  Dict flat;
  flat.set(is_main ? "a" : "b", 1.0);
  check(flat);
  Dict nested;
  if (is_main) nested.set("eval", {{"x", 1.0}});
  if (!is_main) nested.set("eval", {{"x", 1.0}, {"y", 1.0}});
  check(nested);
  Dict spaces;
  if (is_main) spaces.set("a b", 1.0);
  if (!is_main) spaces.set("a", 1.0).set("b", 1.0);
  check(spaces);
  Dict text;
  if (is_main) text.set("eval", {{"x", "words"}});
  if (!is_main) text.set("eval", {{"x", 1.0}});
  if (world_size() > 1) check(text);
}

TEST_CASE("P7: after a mismatch the next collective is in step again") {
  const Accelerator accelerator;
  const std::vector<double> uneven(size_of(world_rank() + 1), 1.0);
  check_mismatch(failure_of([&] { (void)accelerator.reduce(uneven); }));
  CHECK(accelerator.reduce(1.0) == world_size());
}

TEST_CASE("P8: gather of texts flattens one level, in rank order") {
  const Accelerator accelerator;
  const std::string name = "rank " + std::to_string(world_rank());
  std::vector<std::string> expected;
  for (int rank = 0; rank < world_size(); ++rank) {
    expected.push_back("rank " + std::to_string(rank));
    expected.emplace_back();
  }
  CHECK(accelerator.gather(std::vector<std::string>{name, ""}) == expected);
  CHECK(accelerator.gather(name).size() == size_of(world_size()));
}

TEST_CASE("P9: gather_for_metrics drops what the last batch was padded with") {
  const Accelerator accelerator;
  const std::vector<double> mine{2.0 * world_rank(), 2.0 * world_rank() + 1};
  const std::int64_t n_real = 2 * world_size() - 1;
  const std::vector<double> all = accelerator.gather_for_metrics(mine, n_real);
  REQUIRE(all.size() == static_cast<std::size_t>(n_real));
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i] == static_cast<double>(i));
  const std::vector<std::string> words{"a", "b"};
  CHECK(accelerator.gather_for_metrics(words, 1) == std::vector<std::string>{"a"});
  CHECK(accelerator.gather_for_metrics(mine, 0).empty());
}

TEST_CASE("P9: a number of samples that cannot be is the same error on all ranks") {
  const Accelerator accelerator;
  const std::vector<double> mine{1.0};
  for (const std::int64_t n : {std::int64_t{-1}, std::int64_t{world_size() + 1}}) {
    const Failure failure = failure_of([&] { (void)accelerator.gather_for_metrics(mine, n); });
    CHECK(failure.code == ErrorCode::usage);
    CHECK(is_same_on_all_ranks(failure.text));
  }
  const std::int64_t differs = world_rank() == 0 ? 1 : 0;
  check_mismatch(failure_of([&] { (void)accelerator.gather_for_metrics(mine, differs); }));
}

TEST_CASE("P10: reduce gives every rank the sum by default, and mean, min, max, any, all by name") {
  const Accelerator accelerator;
  const double n = world_size();
  const double rank = world_rank();
  CHECK(accelerator.reduce(rank + 1) == n * (n + 1) / 2);
  CHECK(accelerator.reduce(rank, Reduction::mean) == doctest::Approx((n - 1) / 2));
  CHECK(accelerator.reduce(rank, Reduction::min) == 0.0);
  CHECK(accelerator.reduce(rank, Reduction::max) == n - 1);
  CHECK(accelerator.reduce(world_rank() == 0 ? 5 : 0, Reduction::any) == 1);
  CHECK(accelerator.reduce(0, Reduction::any) == 0);
  CHECK(accelerator.reduce(world_rank() == 0 ? 0 : 5, Reduction::all) == 0);
  CHECK(accelerator.reduce(7, Reduction::all) == 1);
  CHECK(accelerator.reduce(1.0, Reduction::sum, 0.5) == n / 2);

  const std::vector<float> mine{static_cast<float>(rank), 1.0F};
  const std::vector<float> expected{static_cast<float>(n * (n - 1) / 2), static_cast<float>(n)};
  CHECK(accelerator.reduce(mine) == expected);
  CHECK(mine[0] == static_cast<float>(rank));
  CHECK(accelerator.reduce(std::vector<double>{}).empty());
}

TEST_CASE("P10: a reduction that reduce does not have is the same error on all ranks") {
  const Accelerator accelerator;
  for (const auto reduction :
       {Reduction::gather, Reduction::first, Reduction::last, Reduction::std}) {
    const Failure failure = failure_of([&] { (void)accelerator.reduce(1.0, reduction); });
    CHECK(failure.code == ErrorCode::usage);
    CHECK(failure.says(to_string(reduction)));
    CHECK(failure.says("choose sum, mean, min, max, any or all"));
    CHECK(is_same_on_all_ranks(failure.text));
  }
  CHECK_FALSE(reduction_from_string("none").has_value());
  CHECK_FALSE(reduction_from_string("summ").has_value());
}

TEST_CASE("P10: NaN is never lost, whatever the reduction") {
  const Accelerator accelerator;
  const bool is_last = world_rank() == world_size() - 1;
  for (const auto reduction : {Reduction::sum, Reduction::mean, Reduction::min, Reduction::max}) {
    INFO(std::string(to_string(reduction)));
    CHECK(std::isnan(accelerator.reduce(is_last ? nan_value : 1.0, reduction)));
  }
}

TEST_CASE("P10: whole numbers are exact, stop at the ends of their type and round a mean") {
  const Accelerator accelerator;
  const std::int64_t beyond_double = (std::int64_t{1} << 53) + 1;
  CHECK(accelerator.reduce(beyond_double, Reduction::max) == beyond_double);
  CHECK(accelerator.reduce(world_rank() == 0 ? beyond_double : 0) == beyond_double);

  using Narrow = std::numeric_limits<std::int32_t>;
  using Wide = std::numeric_limits<std::int64_t>;
  CHECK(accelerator.reduce(Narrow::max()) == Narrow::max());
  CHECK(accelerator.reduce(Narrow::min()) == Narrow::min());
  CHECK(accelerator.reduce(Wide::max()) == Wide::max());
  CHECK(accelerator.reduce(Wide::min()) == Wide::min());
  CHECK(accelerator.reduce(Narrow::max() / 2, Reduction::sum, 1e3) == Narrow::max());
  // 2, 4, 2, 4, ...: three ranks have a mean of 2.67.
  CHECK(accelerator.reduce(world_rank() % 2 == 0 ? 2 : 4, Reduction::mean) ==
        (world_size() == 1 ? 2 : 3));
}

TEST_CASE("P10: reduce of a dictionary reduces every leaf, nested ones too") {
  const Accelerator accelerator;
  Dict values;
  values.set("loss", 1.0 * world_rank());
  values.set("eval", {{"n", 2}, {"x", 0.5}});
  const auto all = leaves_of(accelerator.reduce(values, Reduction::max).items());
  CHECK(all.at("loss") == std::vector<double>{world_size() - 1.0});
  CHECK(all.at("eval/n") == std::vector<double>{2.0});
  CHECK(all.at("eval/x") == std::vector<double>{0.5});
}

TEST_CASE("P11: pad_across_processes pads to the longest rank, behind or in front") {
  const Accelerator accelerator;
  const std::vector<double> mine(size_of(world_rank() + 1), 1.0);
  const auto n_padding = size_of(world_size() - world_rank() - 1);
  std::vector<double> back = mine;
  back.insert(back.end(), n_padding, -1.0);
  std::vector<double> front(n_padding, -1.0);
  front.insert(front.end(), mine.begin(), mine.end());
  CHECK(accelerator.pad_across_processes(mine, -1.0) == back);
  CHECK(accelerator.pad_across_processes(mine, -1.0, PadSide::front) == front);
  // Now every rank has the same length, so it can be reduced.
  CHECK(accelerator.reduce(accelerator.pad_across_processes(mine)).size() == size_of(world_size()));
}
