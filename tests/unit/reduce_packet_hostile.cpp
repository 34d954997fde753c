// Packets that were cut or changed: they decode or are refused, and never do harm.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>

#include "reduce/junction.hpp"
#include "reduce/packet.hpp"
#include "support/error_of.hpp"
#include "support/rows.hpp"

using namespace ranklog::reduce;  // NOLINT: a test
using ranklog::Bytes;
using ranklog::ErrorCode;
using ranklog::Reduction;
using ranklog::test_support::error_of;
using ranklog::test_support::RowSource;

namespace {

// Blocks of values of one rank and of statistics of two.
void add_blocks(PacketWriter& writer, RowSource& child, ranklog::reduce::ShapeTable& shapes) {
  const auto key = [&](const char* name) { return *child.keys().find(name); };
  for (const std::int32_t n_ranks : {1, 2}) {
    const auto shape = shapes.add(true, 1,
                                  {{key("loss"), false, Reduction::mean, n_ranks, 1, n_ranks, 0},
                                   {key("samples"), true, Reduction::sum, n_ranks, 1, n_ranks, 0}});
    auto block = shapes.take_block(shape, 3);
    for (int row = 0; row < 3; ++row) {
      block->steps[block->n_rows] = 10 * n_ranks + row;
      block->times[block->n_rows] = row;
      ++block->n_rows;
    }
    for (std::uint32_t slot = 0; slot < shapes.at(shape).n_slots; ++slot) {
      std::memset(block->slot(slot), 0, std::size_t{3} * 8);
    }
    writer.add(*block);
  }
}

// A packet with everything in it that a packet can have.
Bytes full_packet() {
  RowSource child(1);
  ranklog::reduce::ShapeTable child_shapes;
  PacketWriter writer(child.keys(), child_shapes);
  child.keys().declare("declared", {.unit = "s", .long_name = "never logged"}, 1);
  for (int step = 0; step < 3; ++step) {
    auto row = child.row(step);
    child.add_real(row, "loss", 0.5 * step)
        .add_integer(row, "samples", 32, Reduction::sum)
        .add_real(row, "weighted", 1, Reduction::mean, 7)
        .add_text(row, "phase", "warm-up")
        .add_real(row, "by rank", 3, Reduction::gather)
        .add_text(row, "names", "host-1", Reduction::gather);
    writer.add(row);
  }
  add_blocks(writer, child, child_shapes);
  PacketHead head;
  head.failure = RankFailure{1, "it left"};
  return writer.take(head);
}

// Reads the packet as a parent would, and goes on with what it says.
ErrorCode take_in(const Bytes& bytes) {
  RowSource parent(0);
  ranklog::reduce::ShapeTable shapes;
  PacketReader reader(parent.keys(), shapes, 1);
  AssemblerOptions options;
  options.n_ranks = 2;
  options.n_sources = 2;
  ranklog::reduce::Junction junction(parent.keys(), shapes, options);
  return error_of([&] {
           auto contents = reader.read(bytes);
           auto own = parent.row(0);
           parent.add_real(own, "own", 1);
           junction.add(std::move(own), 0, 1);
           for (auto& item : contents.items) {
             if (item.block) {
               junction.add(std::move(item.block), 1, 1);
             } else {
               junction.add(std::move(item.row), 1, 1);
             }
           }
           std::vector<ranklog::reduce::RowOrBlock> settled;
           junction.settle(2, false, settled);
           junction.settle(100, false, settled);
           junction.settle(101, true, settled);
           CHECK(junction.bytes_of_source(1) == 0);
         })
      .code;
}

}  // namespace

TEST_CASE("a whole packet is accepted") { CHECK(take_in(full_packet()) == ErrorCode::none); }

TEST_CASE("every truncation of a packet is refused") {
  const Bytes whole = full_packet();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    REQUIRE(take_in(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))) ==
            ErrorCode::communication);
  }
}

TEST_CASE("a packet with something behind it is refused") {
  Bytes longer = full_packet();
  longer.push_back(std::byte{0});
  CHECK(take_in(longer) == ErrorCode::communication);
}

TEST_CASE("every byte at its extremes is decoded or refused as a communication error") {
  const Bytes whole = full_packet();
  int n_refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const unsigned value : {0x00U, 0x01U, 0x7FU, 0x80U, 0xFFU}) {
      CAPTURE(at);
      CAPTURE(value);
      Bytes changed = whole;
      changed[at] = static_cast<std::byte>(value);
      const auto code = take_in(changed);
      REQUIRE((code == ErrorCode::none || code == ErrorCode::communication));
      n_refused += code == ErrorCode::communication;
    }
  }
  CHECK(n_refused > 100);
}

TEST_CASE("thousands of random mutations are decoded or refused as communication errors") {
  const Bytes whole = full_packet();
  std::mt19937 random(99);
  for (int k = 0; k < 5000; ++k) {
    CAPTURE(k);
    Bytes changed = whole;
    const auto n_changes = 1 + random() % 8;
    for (std::size_t i = 0; i < n_changes; ++i) {
      const auto at = random() % changed.size();
      switch (random() % 4) {
        case 0:
          changed[at] = static_cast<std::byte>(random());
          break;
        case 1:
          changed[at] ^= static_cast<std::byte>(1U << (random() % 8));
          break;
        case 2:
          changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        default:
          changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(at),
                         static_cast<std::byte>(random()));
      }
    }
    const auto code = take_in(changed);
    REQUIRE((code == ErrorCode::none || code == ErrorCode::communication));
  }
}

TEST_CASE("random bytes are refused") {
  std::mt19937 random(4);
  for (int k = 0; k < 2000; ++k) {
    Bytes bytes(random() % 200);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    REQUIRE(take_in(bytes) == ErrorCode::communication);
  }
}

TEST_CASE("keys are announced in order, so that a number far ahead allocates nothing") {
  RowSource child(1);
  auto row = child.row(0);
  child.add_real(row, "k", 1);
  ranklog::reduce::ShapeTable child_shapes;
  PacketWriter writer(child.keys(), child_shapes);
  writer.add(row);
  const Bytes good = writer.take({});
  CHECK(take_in(good) == ErrorCode::none);
  // Head: magic, epoch, is_last, n_conflicts, has_failure; then the number of news.
  constexpr std::size_t key_at = 4 + 4 + 1 + 4 + 1 + 4;
  for (const std::size_t byte : {0U, 1U, 2U, 3U}) {
    Bytes changed = good;
    changed[key_at + byte] = std::byte{0x0F};
    CHECK(take_in(changed) == ErrorCode::communication);
  }
}

TEST_CASE("a row of a key that was never announced is refused") {
  RowSource child(1);
  ranklog::reduce::ShapeTable child_shapes;
  PacketWriter writer(child.keys(), child_shapes);
  auto row = child.row(0);
  child.add_real(row, "k", 1);
  writer.add(row);
  (void)writer.take({});
  writer.add(row);
  // The second packet does not announce the key again, and this reader missed the first.
  CHECK(take_in(writer.take({})) == ErrorCode::communication);
}
