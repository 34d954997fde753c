// What a rank sends to its parent in the tree: news about keys, then rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reduce/block_merge.hpp"
#include "reduce/row.hpp"
#include "reduce/shape.hpp"
#include "reduce/wire.hpp"

namespace ranklog::reduce {

// A rank that left by an exception.
struct RankFailure {
  std::int32_t rank = 0;
  std::string reason;
};

struct PacketHead {
  std::uint32_t epoch = 0;  // number of earlier drains
  bool is_last = false;     // nothing more comes in this epoch
  bool is_ending = false;   // with is_last: all ranks of the sender's subtree are in end_training()
  std::int32_t n_ranks_heard = 0;  // ranks of the sender's subtree that logged anything so far
  std::optional<RankFailure> failure;
};

// Builds packets for the parent; remembers which keys the parent was told of.
class PacketWriter {
 public:
  PacketWriter(KeyTable& keys, ShapeTable& shapes) : keys_(keys), shapes_(shapes) {}

  // Appends a settled row to the packet under construction.
  void add(const Row& row);
  void add(const Block& block);
  [[nodiscard]] std::size_t n_rows() const noexcept { return n_rows_; }
  [[nodiscard]] std::size_t n_bytes() const noexcept { return body_.size(); }
  // The finished packet, in the memory of `used`; the next one starts empty.
  [[nodiscard]] Bytes take(const PacketHead& head, Bytes used = {});

 private:
  void put_cell(const Cell& cell);
  void put_news(WireWriter& out);
  static void put_definition(const KeyEntry& entry, WireWriter& out);
  void put_shapes(WireWriter& out);
  [[nodiscard]] WireKey wire_key(KeyEntry& entry);

  KeyTable& keys_;
  ShapeTable& shapes_;
  std::uint32_t n_wire_keys_ = 0;
  std::uint32_t n_wire_shapes_ = 0;
  std::uint64_t version_told_ = 0;   // of the key table
  std::vector<ShapeId> new_shapes_;  // the parent does not know them yet
  std::vector<KeyEntry*> news_;      // scratch
  WireWriter head_, body_;
  std::uint32_t n_items_ = 0;
  std::uint32_t n_rows_ = 0;
};

// Reads one child's packets; knows which of our keys the child's numbers mean.
class PacketReader {
 public:
  PacketReader(KeyTable& keys, ShapeTable& shapes, std::int32_t child_rank);

  struct Contents {
    PacketHead head;
    std::vector<RowOrBlock> items;  // in the order in which the child added them
  };
  // What ranks say of keys goes to the key table; cells that cannot be merged (text against
  // numbers) are left out. Errors: CommunicationError.
  [[nodiscard]] Contents read(const Bytes& bytes);
  // Whether ranks behind the child give values of our key.
  [[nodiscard]] bool gives(LocalKey key) const;
  // Whether what the child's ranks give is expected of rows; false while they are missing.
  void count(bool is_counted);
  // The same into the memory of `contents`.
  void read(const Bytes& bytes, Contents& contents);

 private:
  void read_news(WireReader& in);
  void read_definition(WireReader& in);
  void read_claims(WireReader& in, LocalKey key);
  [[nodiscard]] Row read_row(WireReader& in);
  [[nodiscard]] bool read_cell(WireReader& in, Cell& cell);
  void read_shapes(WireReader& in);
  void read_block(WireReader& in, std::vector<RowOrBlock>& items);
  [[nodiscard]] ShapeColumn read_column(WireReader& in, bool& is_odd);

  struct ChildKey {
    LocalKey ours{};
    Kind kind = Kind::real;  // these two as the child has them
    Reduction reduction = Reduction::mean;
    std::int32_t n_expected = 0;
    bool is_mergeable = true;
    Order order = Order::by_rank;  // as the child has it
  };
  void expect(const ChildKey& child_key, std::int64_t n_more);

  KeyTable& keys_;
  ShapeTable& shapes_;
  std::string what_;                  // for messages
  std::vector<ChildKey> child_keys_;  // index: the child's WireKey
  std::vector<bool> gives_;           // index: our LocalKey
  bool is_counted_ = true;
  struct ChildShape {
    ShapeId ours{};
    bool is_odd = false;  // at odds with our definitions: its blocks are taken apart
  };
  std::vector<ChildShape> child_shapes_;  // index: the child's number
};

}  // namespace ranklog::reduce
