// Packets between ranks: what is packed arrives, with the receiver's own key numbers.
#include "reduce/packet.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "support/rows.hpp"

using namespace ranklog::reduce;  // NOLINT: a test
using ranklog::Bytes;
using ranklog::Kind;
using ranklog::Reduction;
using ranklog::test_support::find_cell;
using ranklog::test_support::RowSource;

namespace {

// A child's writer and the reader of its parent, which knows other keys already.
struct Link {
  RowSource child{3};
  KeyTable parent_keys;
  ranklog::reduce::ShapeTable child_shapes;
  ranklog::reduce::ShapeTable parent_shapes;
  PacketWriter writer{child.keys(), child_shapes};
  PacketReader reader{parent_keys, parent_shapes, 3};

  Link() {
    for (const auto* key : {"other", "another"}) (void)parent_keys.intern(key);
  }
  PacketReader::Contents transfer(const PacketHead& head = {}) {
    return reader.read(writer.take(head));
  }
};

}  // namespace

TEST_CASE("an empty packet carries its head") {
  Link link;
  PacketHead head;
  head.epoch = 5;
  head.is_last = true;
  head.failure = RankFailure{4, "it left by an exception"};
  const auto contents = link.transfer(head);
  CHECK(contents.head.epoch == 5);
  CHECK(contents.head.is_last);
  REQUIRE(contents.head.failure.has_value());
  CHECK(contents.head.failure->rank == 4);
  CHECK(contents.head.failure->reason == "it left by an exception");
  CHECK(contents.items.empty());
}

TEST_CASE("values of every kind arrive with the same bits") {
  Link link;
  auto row = link.child.row(42);
  link.child.add_real(row, "real", -0.0)
      .add_real(row, "denormal", 5e-324)
      .add_real(row, "infinite", -INFINITY)
      .add_real(row, "nan", std::nan(""))
      .add_real(row, "weighted", 2.5, Reduction::mean, 32)
      .add_integer(row, "whole", std::numeric_limits<std::int64_t>::min())
      .add_integer(row, "total", std::numeric_limits<std::int64_t>::max(), Reduction::sum)
      .add_text(row, "text", std::string(100'000, 't'))
      .add_real(row, "gathered", 7, Reduction::gather)
      .add_text(row, "words", "word", Reduction::gather);
  link.writer.add(row);
  const auto contents = link.transfer();
  REQUIRE(contents.items.size() == 1);
  const Row& got = contents.items[0].row;
  CHECK(got.step == 42);
  CHECK(got.has_step);
  CHECK(got.time == 42);
  CHECK(got.time_rank == 3);
  REQUIRE(got.cells.size() == 10);
  const auto cell = [&](const char* key) { return find_cell(link.parent_keys, got, key); };
  CHECK(std::signbit(cell("real")->numbers.moments.first));
  CHECK(cell("denormal")->numbers.moments.max == 5e-324);
  CHECK(cell("infinite")->numbers.moments.negative_infinite_weight == 1);
  CHECK(cell("infinite")->numbers.moments.min == -INFINITY);
  CHECK(cell("nan")->numbers.moments.first_nan_rank == 3);
  CHECK(cell("weighted")->numbers.moments.finite_weight == 32);
  CHECK(cell("whole")->numbers.integers.sum == std::numeric_limits<std::int64_t>::min());
  CHECK(cell("total")->numbers.integers.max == std::numeric_limits<std::int64_t>::max());
  CHECK(cell("text")->text == std::string(100'000, 't'));
  CHECK(cell("text")->text_rank == 3);
  CHECK(cell("gathered")->parts[0].reals == std::vector{7.0});
  CHECK(cell("words")->parts[0].text == "word");
  for (const auto& c : got.cells) CHECK(c.n_ranks == 1);
}

TEST_CASE("a definition travels once, with unit, name and the rank it is from") {
  Link link;
  link.child.keys().declare("time",
                            {.reduce = Reduction::max,
                             .nan = ranklog::NanPolicy::skip,
                             .unit = "s",
                             .long_name = "step time"},
                            3);
  auto first = link.child.row(0);
  link.child.add_real(first, "time", 1);
  link.writer.add(first);
  const auto first_size = link.writer.n_bytes();
  CHECK(link.transfer().items.size() == 1);
  const auto key = link.parent_keys.find("time");
  REQUIRE(key.has_value());
  const auto& entry = link.parent_keys.at(*key);
  CHECK(entry.info->reduction == Reduction::max);
  CHECK(entry.info->nan == ranklog::NanPolicy::skip);
  CHECK(entry.info->unit == "s");
  CHECK(entry.info->long_name == "step time");
  CHECK(entry.info->kind == Kind::real);
  CHECK(entry.info->index == 2);
  REQUIRE(entry.claims.all().size() == ranklog::reduce::n_aspects);
  for (const auto& claim : entry.claims.all()) CHECK(claim.rank == 3);
  CHECK(entry.n_expected == 1);

  auto second = link.child.row(1);
  link.child.add_real(second, "time", 2);
  link.writer.add(second);
  CHECK(link.writer.n_bytes() == first_size);
  const Bytes bytes = link.writer.take({});
  CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()).find("time") ==
        std::string::npos);
  CHECK(link.reader.read(bytes).items.size() == 1);
  CHECK(link.parent_keys.at(*key).n_expected == 1);
}

TEST_CASE("ranks that begin to log a key later are announced by their number alone") {
  Link link;
  auto row = link.child.row(0);
  link.child.add_real(row, "a", 1);
  link.writer.add(row);
  CHECK(link.transfer().items.size() == 1);
  auto& child_entry = link.child.keys().at(*link.child.keys().find("a"));
  link.child.keys().note_change();
  child_entry.n_expected = 4;  // as if three ranks below the child had begun
  CHECK(link.transfer().items.empty());
  CHECK(link.parent_keys.at(*link.parent_keys.find("a")).n_expected == 4);
  CHECK(link.transfer().items.empty());
  CHECK(link.parent_keys.at(*link.parent_keys.find("a")).n_expected == 4);
}

TEST_CASE("a key that the child only declared is not announced, and the next one still is") {
  Link link;
  link.child.keys().declare("never logged", {}, 3);
  auto row = link.child.row(0);
  link.child.add_real(row, "logged", 1);
  link.writer.add(row);
  const auto contents = link.transfer();
  CHECK(find_cell(link.parent_keys, contents.items.at(0).row, "logged") != nullptr);
  CHECK_FALSE(link.parent_keys.find("never logged").has_value());
}

TEST_CASE("a child that contradicts the parent becomes a conflict that names both ranks") {
  Link link;
  RowSource parent(0);
  ranklog::reduce::ShapeTable shapes;
  PacketReader reader(parent.keys(), shapes, 3);
  auto own = parent.row(0);
  parent.add_real(own, "a", 1.0).add_real(own, "b", 1.0, Reduction::sum).add_text(own, "c", "x");
  auto row = link.child.row(0);
  link.child.add_integer(row, "a", 1).add_real(row, "b", 1.0, Reduction::max).add_real(row, "c", 1);
  link.writer.add(row);
  const auto contents = reader.read(link.writer.take({}));
  const auto conflicts = parent.keys().take_conflicts();
  REQUIRE(conflicts.size() == 3);
  CHECK(conflicts[0].rank == 0);
  CHECK(conflicts[0].text == "metric 'a': rank 0 logs real, rank 3 logs integer");
  CHECK(conflicts[1].text == "metric 'b': rank 0 reduces it by sum, rank 3 reduces it by max");
  CHECK(conflicts[2].text == "metric 'c': rank 0 logs text, rank 3 logs real");
  CHECK(parent.keys().take_conflicts().empty());
  // Numbers can be merged all the same; text and numbers cannot.
  CHECK(contents.items.at(0).row.cells.size() == 2);
}
