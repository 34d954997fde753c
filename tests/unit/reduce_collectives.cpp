// gather, reduce and padding of the caller's own data.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "ranklog/collectives.hpp"
#include "ranklog/error.hpp"
#include "ranklog/testing.hpp"
#include "support/error_of.hpp"

using ranklog::Communicator;
using ranklog::Dict;
using ranklog::ErrorCode;
using ranklog::Reduction;
using ranklog::test_support::error_of;
using ranklog::testing::run_ranks;
namespace collectives = ranklog::collectives;

namespace {

constexpr auto int_max = std::numeric_limits<std::int64_t>::max();
constexpr auto int_min = std::numeric_limits<std::int64_t>::min();

template <class F>
void on_each_size(F body) {
  for (const int n_ranks : {1, 2, 3, 8}) run_ranks(n_ranks, body);
}

}  // namespace

TEST_CASE("gather joins in rank order, with as many elements as each rank has") {
  on_each_size([](const Communicator& comm) {
    const auto n = static_cast<std::size_t>(comm.rank());
    const auto all = collectives::gather(comm, std::vector<double>(n, comm.rank()));
    std::size_t at = 0;
    for (int r = 0; r < comm.size(); ++r) {
      for (int i = 0; i < r; ++i) CHECK(all.at(at++) == r);
    }
    CHECK(all.size() == at);
    CHECK(collectives::gather(comm, comm.rank()).back() == comm.size() - 1);
    const auto texts = collectives::gather(comm, "rank " + std::to_string(comm.rank()));
    CHECK(texts.front() == "rank 0");
    CHECK(texts.size() == static_cast<std::size_t>(comm.size()));
  });
}

TEST_CASE("gather_for_metrics drops the padding of the last batch") {
  run_ranks(3, [](const Communicator& comm) {
    const std::vector<std::int32_t> two{2 * comm.rank(), 2 * comm.rank() + 1};
    CHECK(collectives::gather_for_metrics(comm, two, 5) ==
          std::vector<std::int32_t>{0, 1, 2, 3, 4});
    CHECK(collectives::gather_for_metrics(comm, two, 0).empty());
    CHECK(error_of([&] { (void)collectives::gather_for_metrics(comm, two, 7); }).code ==
          ErrorCode::usage);
    CHECK(error_of([&] { (void)collectives::gather_for_metrics(comm, two, -1); }).code ==
          ErrorCode::usage);
  });
}

TEST_CASE("reduce works element by element under each reduction") {
  on_each_size([](const Communicator& comm) {
    const double n = comm.size();
    const std::vector<double> mine{comm.rank() + 1.0, -1.0};
    CHECK(collectives::reduce(comm, mine) == std::vector{n * (n + 1) / 2, -n});
    CHECK(collectives::reduce(comm, mine, Reduction::mean) == std::vector{(n + 1) / 2, -1.0});
    CHECK(collectives::reduce(comm, mine, Reduction::min)[0] == 1);
    CHECK(collectives::reduce(comm, mine, Reduction::max)[0] == n);
    CHECK(collectives::reduce(comm, mine, Reduction::sum, 0.5)[1] == -n / 2);
    CHECK(collectives::reduce(comm, comm.rank(), Reduction::any) == (comm.size() > 1 ? 1 : 0));
    CHECK(collectives::reduce(comm, comm.rank(), Reduction::all) == 0);
    CHECK(collectives::reduce(comm, 7.0F, Reduction::any) == 1.0F);
  });
}

TEST_CASE("a NaN in one element makes that element NaN and no other") {
  on_each_size([](const Communicator& comm) {
    const bool is_last = comm.rank() == comm.size() - 1;
    const std::vector<double> mine{is_last ? std::nan("") : 1.0, 2.0};
    for (const auto reduction : {Reduction::sum, Reduction::min, Reduction::max, Reduction::mean,
                                 Reduction::any, Reduction::all}) {
      const auto result = collectives::reduce(comm, mine, reduction);
      CHECK(std::isnan(result[0]));
      CHECK_FALSE(std::isnan(result[1]));
    }
  });
}

TEST_CASE("integers stop at the ends of their type") {
  on_each_size([](const Communicator& comm) {
    CHECK(collectives::reduce(comm, int_max) == int_max);
    CHECK(collectives::reduce(comm, int_min) == int_min);
    CHECK(collectives::reduce(comm, int_max, Reduction::sum, 2.0) == int_max);
    CHECK(collectives::reduce(comm, int_min, Reduction::sum, 2.0) == int_min);
    const std::int32_t large = 2'000'000'000;
    CHECK(collectives::reduce(comm, large) == (comm.size() == 1 ? large : 2147483647));
    CHECK(collectives::reduce(comm, large, Reduction::mean) == large);
  });
  run_ranks(1, [](const Communicator& comm) {
    CHECK(collectives::reduce(comm, int_max, Reduction::mean) == int_max);
  });
  // Only what does not fit in the end stops there.
  run_ranks(4, [](const Communicator& comm) {
    CHECK(collectives::reduce(comm, comm.rank() < 2 ? int_max : int_min) == -2);
    CHECK(collectives::reduce(comm, std::int64_t{-3} - comm.rank()) == -18);
    CHECK(collectives::reduce(comm, int_max - comm.rank(), Reduction::min) == int_max - 3);
  });
}

TEST_CASE("extremes keep infinities and the order of negative numbers") {
  on_each_size([](const Communicator& comm) {
    const std::vector<double> mine{-1.0 - comm.rank(), comm.rank() == 0 ? -INFINITY : 1.0,
                                   comm.rank() == 0 ? INFINITY : -1.0};
    const auto least = collectives::reduce(comm, mine, Reduction::min);
    const auto greatest = collectives::reduce(comm, mine, Reduction::max);
    CHECK(least[0] == -comm.size());
    CHECK(greatest[0] == -1);
    CHECK(least[1] == -INFINITY);
    CHECK(greatest[2] == INFINITY);
  });
}

TEST_CASE("different shapes or types are one error on all ranks that names each") {
  run_ranks(3, [](const Communicator& comm) {
    const auto thrown = error_of(
        [&] { (void)collectives::reduce(comm, std::vector<double>(comm.rank() == 1 ? 2U : 3U)); });
    CHECK(thrown.code == ErrorCode::shape_mismatch);
    CHECK(thrown.says("rank 0: f64[3]"));
    CHECK(thrown.says("rank 1: f64[2]"));
    const auto types = error_of([&] {
      if (comm.rank() == 2) {
        (void)collectives::gather(comm, 1);
      } else {
        (void)collectives::gather(comm, 1.0);
      }
    });
    CHECK(types.code == ErrorCode::shape_mismatch);
    CHECK(types.says("rank 2: i32"));
    comm.barrier();
  });
}

TEST_CASE("a reduction that one rank alone cannot use is an error on all ranks") {
  run_ranks(3, [](const Communicator& comm) {
    const auto reduction = comm.rank() == 1 ? Reduction::gather : Reduction::sum;
    CHECK(error_of([&] { (void)collectives::reduce(comm, 1.0, reduction); }).code !=
          ErrorCode::none);
    CHECK(error_of([&] { (void)collectives::reduce(comm, 1.0, Reduction::std); }).code ==
          ErrorCode::usage);
    const auto other = comm.rank() == 1 ? Reduction::max : Reduction::sum;
    CHECK(error_of([&] { (void)collectives::reduce(comm, 1.0, other); }).code ==
          ErrorCode::shape_mismatch);
    comm.barrier();
  });
}

TEST_CASE("dictionaries are reduced and gathered leaf by leaf") {
  run_ranks(3, [](const Communicator& comm) {
    Dict mine;
    mine.set("loss", 1.0 * comm.rank()).set("n", comm.rank()).set("in", {{"deep", 2}});
    const auto sums = collectives::reduce(comm, mine);
    CHECK(sums.items()[0].value.numbers().real(0) == 3);
    CHECK(sums.items()[1].value.numbers().integer(0) == 3);
    CHECK(sums.items()[2].value.nested()[0].value.numbers().integer(0) == 6);
    const auto all = collectives::gather(comm, mine);
    CHECK(all.items()[0].value.numbers().n == 3);
  });
}

TEST_CASE("dictionaries with other keys on one rank are an error on all, nested ones too") {
  run_ranks(3, [](const Communicator& comm) {
    Dict mine;
    mine.set("a", 1);
    if (comm.rank() == 2) mine.set("b", 2);
    CHECK(error_of([&] { (void)collectives::reduce(comm, mine); }).code ==
          ErrorCode::shape_mismatch);
    Dict nested;
    nested.set("in", {{comm.rank() == 1 ? "x" : "y", 1}});
    CHECK(error_of([&] { (void)collectives::reduce(comm, nested); }).code ==
          ErrorCode::shape_mismatch);
    Dict text;
    text.set("t", "text");
    CHECK(error_of([&] { (void)collectives::gather(comm, text); }).code == ErrorCode::usage);
    comm.barrier();
  });
}

TEST_CASE("padding makes all ranks as long as the longest, at the side that is asked for") {
  run_ranks(3, [](const Communicator& comm) {
    const std::vector<double> mine(static_cast<std::size_t>(comm.rank()), 1);
    const auto back = collectives::pad_across_processes(comm, mine, -1.0);
    CHECK(back.size() == 2);
    const auto front =
        collectives::pad_across_processes(comm, mine, -1.0, collectives::PadSide::front);
    if (comm.rank() == 1) {
      CHECK(back == std::vector{1.0, -1.0});
      CHECK(front == std::vector{-1.0, 1.0});
    }
    CHECK(collectives::any_rank(comm, comm.rank() == 2));
    CHECK_FALSE(collectives::any_rank(comm, false));
  });
}
