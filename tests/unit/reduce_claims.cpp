// What ranks disagree on: the same ranks are named whoever was heard first.
#include "reduce/claims.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ranklog/communicator.hpp"
#include "ranklog/testing.hpp"
#include "reduce/exchange.hpp"
#include "support/rows.hpp"

using namespace ranklog::reduce;  // NOLINT: a test
using ranklog::Communicator;
using ranklog::Kind;
using ranklog::MetricOptions;
using ranklog::NanPolicy;
using ranklog::Order;
using ranklog::Reduction;
using ranklog::test_support::RowSource;

namespace {

std::vector<std::string> texts_of(std::vector<Conflict> conflicts) {
  std::vector<std::string> texts;
  for (auto& conflict : conflicts) texts.push_back(std::move(conflict.text));
  return texts;
}

}  // namespace

TEST_CASE("the two lowest ranks that differ are named, in whichever order claims come in") {
  std::vector<Claim> said{claim(Kind::integer, 2), claim(Kind::real, 1), claim(Kind::boolean, 0),
                          claim(Kind::real, 4), claim(Kind::boolean, 3)};
  const auto by_rank = [](const Claim& a, const Claim& b) { return a.rank < b.rank; };
  std::sort(said.begin(), said.end(), by_rank);
  int n_orders = 0;
  do {
    Claims claims;
    for (const auto& each : said) (void)claims.add(each);
    REQUIRE(texts_of(claims.take_conflicts("a")) ==
            std::vector<std::string>{"metric 'a': rank 0 logs boolean, rank 1 logs real"});
    ++n_orders;
  } while (std::next_permutation(said.begin(), said.end(), by_rank));
  CHECK(n_orders == 120);
}

TEST_CASE("claims that were merged on the way give the same as those that came directly") {
  const std::vector<Claim> said{claim(Reduction::max, 5), claim(Reduction::sum, 3),
                                claim(Reduction::min, 4), claim(Reduction::sum, 1),
                                claim(Reduction::max, 2), claim(Reduction::min, 0)};
  for (unsigned split = 0; split < 64; ++split) {
    std::array<Claims, 2> nodes;
    for (std::size_t i = 0; i < said.size(); ++i) (void)nodes[(split >> i) & 1U].add(said[i]);
    Claims root;
    for (const auto& node : nodes) {
      for (const auto& each : node.all()) (void)root.add(each);
    }
    REQUIRE(
        texts_of(root.take_conflicts("a")) ==
        std::vector<std::string>{"metric 'a': rank 0 reduces it by min, rank 1 reduces it by sum"});
  }
}

TEST_CASE("only what changes the outcome is news, and each aspect is told once") {
  Claims claims;
  CHECK(claims.add(claim(Kind::real, 3)));
  CHECK_FALSE(claims.add(claim(Kind::real, 3)));
  CHECK_FALSE(claims.add(claim(Kind::real, 7)));
  CHECK(claims.add(claim(Kind::real, 1)));
  CHECK(claims.take_conflicts("a").empty());
  CHECK(claims.add(claim(Kind::integer, 2)));
  CHECK_FALSE(claims.add(claim(Kind::boolean, 5)));
  CHECK(claims.take_conflicts("a").size() == 1);
  CHECK(claims.add(claim(Kind::boolean, 0)));
  CHECK(claims.take_conflicts("a").empty());
  CHECK(claims.add(claim_steps(true, 0)));
  CHECK(claims.add(claim_steps(false, 1)));
  CHECK(claims.take_conflicts("a").size() == 1);
}

TEST_CASE("codes that do not exist are no claims") {
  CHECK(is_possible(claim(Kind::text, 0)));
  CHECK(is_possible({Aspect::unit, 0, 0, "s"}));
  CHECK_FALSE(is_possible({Aspect::kind, 4, 0}));
  CHECK_FALSE(is_possible({Aspect::steps, 2, 0}));
  CHECK_FALSE(is_possible({Aspect::kind, 0, 0, "text"}));
  CHECK_FALSE(is_possible({static_cast<Aspect>(7), 0, 0}));
}

TEST_CASE("every part of a declaration that differs is said, with the lowest ranks") {
  // Rank 1 and those above 2 declare as the second of each pair.
  const std::vector<std::pair<MetricOptions, MetricOptions>> pairs{
      {{}, {.nan = NanPolicy::skip}},
      {{.unit = "s"}, {.unit = "ms"}},
      {{}, {.unit = "s"}},
      {{.long_name = "a name"}, {.long_name = "another"}},
      {{}, {.order = Order::reproducible}}};
  const std::vector<std::string> expected{
      "rank 0 propagates NaN, rank 1 skips NaN",
      "rank 0 gives it the unit 's', rank 1 gives it the unit 'ms'",
      "rank 0 gives it no unit, rank 1 gives it the unit 's'",
      "rank 0 gives it the name 'a name', rank 1 gives it the name 'another'",
      "rank 0 adds it up in the order by_rank, rank 1 adds it up in the order reproducible"};
  for (const int n_ranks : {2, 3, 8}) {
    for (int delayed = 0; delayed < n_ranks; ++delayed) {
      std::vector<std::vector<std::string>> seen(static_cast<std::size_t>(n_ranks));
      ranklog::testing::run_ranks(n_ranks, [&](const Communicator& comm) {
        RowSource source(comm.rank());
        ExchangeOptions options;
        options.window_rows = 1;
        Exchange exchange(comm, source.keys(), options);
        if (comm.rank() == delayed) comm.barrier();
        for (std::size_t i = 0; i < pairs.size(); ++i) {
          const bool is_second = comm.rank() == 1 || comm.rank() > 2;
          const auto key = std::to_string(i);
          source.keys().declare(key, is_second ? pairs[i].second : pairs[i].first, comm.rank());
          auto row = source.row(0);
          source.add_real(row, key, 1);
          exchange.submit(std::move(row));
        }
        if (comm.rank() != delayed) comm.barrier();
        for (auto& text : texts_of(exchange.drain(DrainReason::flush).conflicts)) {
          seen[static_cast<std::size_t>(comm.rank())].push_back(std::move(text));
        }
        (void)exchange.drain(DrainReason::end);
        exchange.close();
      });
      CAPTURE(n_ranks);
      CAPTURE(delayed);
      std::vector<std::string> all;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        all.push_back("metric '" + std::to_string(i) + "': " + expected[i]);
      }
      for (const auto& texts : seen) REQUIRE(texts == all);
    }
  }
}
