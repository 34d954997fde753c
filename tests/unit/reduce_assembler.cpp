// When rows of several ranks go, and what they are then.
#include "reduce/assembler.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "support/rows.hpp"

using namespace ranklog::reduce;  // NOLINT: a test
using ranklog::Kind;
using ranklog::Reduction;
using ranklog::test_support::find_cell;

namespace {

// An assembler for ranks 0 to n-1, each a source of its own, with a clock that the test moves.
class Meeting {
 public:
  explicit Meeting(int n_ranks) : assembler_(keys_, options_for(n_ranks)) {}

  // The key is known to `n_expected` ranks since `first_seen_s`.
  void know(const std::string& key, std::int32_t n_expected, double first_seen_s = 0) {
    const auto local = keys_.intern(key);
    keys_.define(local, {Kind::real, std::nullopt, 0});
    keys_.at(local).n_expected = n_expected;
    keys_.at(local).first_seen_s = first_seen_s;
  }

  void add(int rank, std::int64_t step, const std::vector<std::string>& keys, double value = 1) {
    Row row;
    row.step = step;
    row.has_step = true;
    row.time = static_cast<double>(rank);
    row.time_rank = rank;
    for (const auto& key : keys) {
      if (!keys_.find(key)) know(key, 0, now);
      Cell cell;
      cell.key = *keys_.find(key);
      cell.numbers.add_real(value, 1, rank);
      row.cells.push_back(std::move(cell));
    }
    add(rank, std::move(row));
  }
  void add(int rank, Row row) { assembler_.add(std::move(row), rank, now); }

  // The steps of the rows that go now; `rows` has the rows.
  std::vector<std::int64_t> settle(bool all = false) {
    rows.clear();
    assembler_.settle(now, all, rows);
    std::vector<std::int64_t> steps;
    for (const auto& row : rows) steps.push_back(row.step);
    return steps;
  }

  [[nodiscard]] const Cell& cell(const std::string& key, std::size_t row = 0) const {
    const Cell* found = find_cell(keys_, rows.at(row), key);
    REQUIRE(found != nullptr);
    return *found;
  }
  [[nodiscard]] Assembler& assembler() { return assembler_; }
  [[nodiscard]] KeyTable& keys() { return keys_; }

  double now = 100;
  std::vector<Row> rows;

 private:
  static AssemblerOptions options_for(int n_ranks) {
    AssemblerOptions options;
    options.n_ranks = n_ranks;
    options.n_sources = n_ranks;
    options.first_sight_s = 2;
    options.late_s = 30;
    return options;
  }

  KeyTable keys_;
  Assembler assembler_;
};

using Steps = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("a row goes as soon as all ranks gave all its keys") {
  Meeting meeting(3);
  meeting.know("a", 3, meeting.now);
  meeting.add(2, 7, {"a"}, 3);
  meeting.add(0, 7, {"a"}, 1);
  CHECK(meeting.settle().empty());
  meeting.add(1, 7, {"a"}, 2);
  CHECK(meeting.settle() == Steps{7});
  CHECK(meeting.cell("a").n_ranks == 3);
  CHECK(meeting.cell("a").numbers.moments.sum == 6);
  CHECK(meeting.rows[0].time_rank == 0);
  CHECK(meeting.rows[0].time == 0);
  CHECK(meeting.assembler().n_open() == 0);
}

TEST_CASE("a new key waits the first-sight time for ranks that may have it too") {
  Meeting meeting(2);
  meeting.know("a", 1, meeting.now);
  meeting.add(1, 0, {"a"});
  CHECK(meeting.settle().empty());
  meeting.now += 1.9;
  CHECK(meeting.settle().empty());
  meeting.now += 0.2;
  CHECK(meeting.settle() == Steps{0});
  CHECK(meeting.cell("a").n_ranks == 1);
}

TEST_CASE("a key that only some ranks have does not wait once it is known") {
  Meeting meeting(4);
  meeting.know("a", 1, 0);
  meeting.add(3, 0, {"a"});
  CHECK(meeting.settle() == Steps{0});
  CHECK(meeting.cell("a").n_ranks == 1);
}

TEST_CASE("a rank that logged the key before is waited for, up to the late time") {
  Meeting meeting(2);
  meeting.know("a", 2, 0);
  meeting.add(0, 0, {"a"});
  meeting.now += 29;
  CHECK(meeting.settle().empty());
  meeting.now += 2;
  CHECK(meeting.settle() == Steps{0});
  CHECK(meeting.cell("a").n_ranks == 1);
}

TEST_CASE("a part that comes after its row forms a row of its own and is counted as late") {
  Meeting meeting(2);
  meeting.know("a", 2, 0);
  meeting.add(0, 5, {"a"});
  meeting.now += 31;
  CHECK(meeting.settle() == Steps{5});
  CHECK(meeting.assembler().n_late() == 0);
  meeting.add(1, 5, {"a"}, 9);
  CHECK(meeting.assembler().n_late() == 1);
  CHECK(meeting.settle(true) == Steps{5});
  CHECK(meeting.cell("a").n_ranks == 1);
  CHECK(meeting.cell("a").numbers.moments.min_rank == 1);
}

TEST_CASE("everything goes when everything is asked for, in order of arrival") {
  Meeting meeting(2);
  meeting.know("a", 2, 0);
  meeting.know("b", 2, 0);
  meeting.add(0, 3, {"a"});
  meeting.add(0, 1, {"b"});
  meeting.add(0, 4, {"a"});
  CHECK(meeting.settle().empty());
  CHECK(meeting.settle(true) == Steps{3, 1, 4});
}

TEST_CASE("rows of one key keep their order, rows of other keys overtake") {
  Meeting meeting(2);
  meeting.know("a", 2, 0);
  meeting.know("b", 2, 0);
  meeting.add(0, 0, {"a"});
  meeting.add(0, 1, {"a", "b"});
  meeting.add(0, 2, {"b"});
  meeting.add(0, 3, {"c"});
  meeting.know("c", 1, 0);
  meeting.add(1, 1, {"a", "b"});
  meeting.add(1, 2, {"b"});
  CHECK(meeting.settle() == Steps{3});
  meeting.add(1, 0, {"a"});
  CHECK(meeting.settle() == Steps{0, 1, 2});
}

TEST_CASE("the result depends on who took part, not on who came first") {
  std::vector<int> order{0, 1, 2, 3, 4};
  std::uint64_t expected = 0;
  do {
    Meeting meeting(5);
    for (const int rank : order) meeting.add(rank, 0, {"a"}, 0.1 * (rank + 1) * (rank + 1));
    REQUIRE(meeting.settle() == Steps{0});
    const auto bits = std::bit_cast<std::uint64_t>(meeting.cell("a").numbers.moments.mean);
    if (expected == 0) expected = bits;
    REQUIRE(bits == expected);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("different keys of one step meet key by key, in one row where they share one") {
  Meeting meeting(3);
  meeting.add(0, 0, {"a", "b"});
  meeting.add(1, 0, {"b", "c"});
  meeting.add(2, 0, {"d"});
  meeting.settle(true);
  REQUIRE(meeting.rows.size() == 2);
  CHECK(meeting.rows[0].cells.size() == 3);
  CHECK(meeting.cell("a").n_ranks == 1);
  CHECK(meeting.cell("b").n_ranks == 2);
  CHECK(meeting.cell("c").n_ranks == 1);
  CHECK(meeting.cell("d", 1).n_ranks == 1);
}

TEST_CASE("the same keys in another order are the same row") {
  Meeting meeting(2);
  meeting.add(0, 0, {"a", "b", "c"}, 1);
  meeting.add(1, 0, {"c", "a", "b"}, 2);
  CHECK(meeting.settle() == Steps{0});
  for (const auto* key : {"a", "b", "c"}) CHECK(meeting.cell(key).numbers.moments.sum == 3);
}

TEST_CASE("the time of a row is that of the lowest rank, whoever comes first") {
  Meeting meeting(3);
  for (const int rank : {2, 1, 0}) meeting.add(rank, 0, {"a"});
  meeting.settle();
  CHECK(meeting.rows.at(0).time_rank == 0);
}

TEST_CASE("a key that some ranks have waits longer while a rank was never heard of") {
  Meeting meeting(3);
  meeting.assembler().set_n_ranks_heard(2);
  meeting.know("a", 2, 0);
  meeting.now = 10;
  meeting.add(0, 1, {"a"});
  meeting.add(1, 1, {"a"});
  CHECK(meeting.settle().empty());
  meeting.assembler().set_n_ranks_heard(3);
  CHECK(meeting.settle() == Steps{1});
}

TEST_CASE("what a source keeps waiting is counted, and forgotten when its rows go") {
  Meeting meeting(2);
  meeting.know("a", 2, 0);
  for (int step = 0; step < 1000; ++step) meeting.add(0, step, {"a"});
  CHECK(meeting.assembler().bytes_of_source(0) >= 1000 * sizeof(Cell));
  CHECK(meeting.assembler().bytes_of_source(1) == 0);
  for (int step = 0; step < 1000; ++step) meeting.add(1, step, {"a"});
  CHECK(meeting.settle().size() == 1000);
  CHECK(meeting.assembler().bytes_of_source(0) == 0);
  CHECK(meeting.assembler().bytes_of_source(1) == 0);
}

TEST_CASE("rows go while a rank is always a few steps behind, and nothing piles up") {
  Meeting meeting(2);
  meeting.know("text", 2, 0);
  const auto add_text = [&](int rank, std::int64_t step) {
    Row row;
    row.step = step;
    row.has_step = true;
    row.time_rank = rank;
    Cell cell;
    cell.key = *meeting.keys().find("text");
    cell.text = std::string(1000, 't');
    cell.text_rank = rank;
    row.cells.push_back(std::move(cell));
    meeting.add(rank, std::move(row));
  };
  // Rank 1 is always three steps behind, so some row is open at any time.
  for (std::int64_t step = 0; step < 5000; ++step) {
    add_text(0, step);
    if (step >= 3) add_text(1, step - 3);
    for (const auto& row : (meeting.settle(), meeting.rows)) REQUIRE(row.cells[0].n_ranks == 2);
    REQUIRE(meeting.assembler().n_open() <= 4);
    REQUIRE(meeting.assembler().bytes_of_source(0) < 20000);
  }
}

TEST_CASE("rows without a cell leave nothing behind") {
  Meeting meeting(2);
  Row row;
  row.step = 1;
  meeting.add(1, std::move(row));
  CHECK(meeting.assembler().n_open() == 0);
  CHECK(meeting.settle(true).empty());
}

TEST_CASE("text under first is the lowest rank's and under last the highest's") {
  for (const auto reduction : {Reduction::first, Reduction::last}) {
    Meeting meeting(3);
    const auto key = meeting.keys().intern("text");
    meeting.keys().define(key, {Kind::text, reduction, 0});
    for (const int rank : {1, 0, 2}) {
      Row row;
      row.has_step = true;
      row.time_rank = rank;
      Cell cell;
      cell.key = key;
      cell.text = std::to_string(rank);
      cell.text_rank = rank;
      row.cells.push_back(std::move(cell));
      meeting.add(rank, std::move(row));
    }
    CHECK(meeting.settle() == Steps{0});
    CHECK(meeting.cell("text").text == (reduction == Reduction::first ? "0" : "2"));
  }
}
