// The short way of log(): a call with the keys of an earlier call is a comparison of bytes and a
// copy of numbers into a block. Everything else goes through Recorder. See docs/design/0004.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ranklog/value.hpp"
#include "reduce/exchange.hpp"

namespace ranklog {

class FastLog {
 public:
  // Calls with other combinations of keys than the first so many that came twice take the long way.
  static constexpr std::size_t max_schemas = 256;

  FastLog(reduce::KeyTable& keys, reduce::Exchange& exchange, int rank);

  // True if the row was taken; else nothing has changed. Allocates nothing in the steady state.
  // Takes plain finite numbers of weight 1, without a step or at a step after the keys' last.
  [[nodiscard]] bool log(std::span<const Item> items, std::optional<std::int64_t> step);

  // Before a call takes the long way: tells the key table how far the keys have come.
  void write_back();
  // After it made a row, before the row goes to the exchange.
  void make_way(const reduce::Row& row);
  // After a row that nobody objects to: its keys may be a schema from now on.
  void learn(std::span<const Item> items, bool has_step);

 private:
  struct Field {
    std::uint32_t offset = 0;  // of the key, in Schema::text
    std::uint32_t n_bytes = 0;
    Value::Tag tag = Value::Tag::real;
    std::optional<Reduction> reduction;
  };
  // The keys of a call as the caller gives them.
  struct Schema {
    std::string text;
    std::vector<Field> fields;
    std::vector<reduce::LocalKey> keys;
    bool has_steps = true;
    reduce::ShapeId shape{};
    reduce::Block* block = nullptr;  // being filled; null: none
    std::int64_t last_step = 0;
    // No other way has logged one of the keys since, so that last_step is that of each key.
    bool is_current = false;
    bool is_ahead = false;                   // of the key table
    std::uint32_t next = 0;                  // the schema that followed it last time
    std::vector<std::uint32_t> overlapping;  // schemas that share keys with it
  };

  [[nodiscard]] bool has_form_of(const Schema& schema, std::span<const Item> items,
                                 bool has_step) const noexcept;
  [[nodiscard]] static bool copy_row(const Schema& schema, std::span<const Item> items,
                                     std::byte* row) noexcept;
  [[nodiscard]] Schema* find(std::span<const Item> items, bool has_step) noexcept;
  void write_back(Schema& schema);
  void make_current(Schema& schema);
  // Forgets the blocks that the exchange has sealed.
  void forget_sealed() noexcept;
  void open_block(Schema& schema);
  void close_block(Schema& schema);
  void add_schema(std::span<const Item> items, bool has_step);
  [[nodiscard]] bool is_learnable(std::span<const Item> items, bool has_step) const;

  reduce::KeyTable& keys_;
  reduce::Exchange& exchange_;
  std::int32_t rank_;
  std::uint64_t n_seals_ = 0;  // of the exchange, when its blocks were forgotten last
  std::vector<std::unique_ptr<Schema>> schemas_;
  std::uint32_t last_ = 0;     // the schema of the last call
  double epoch_offset_s_ = 0;  // from the exchange's clock to the time of day
  std::vector<std::vector<std::uint32_t>> schemas_of_key_;      // index: LocalKey
  int n_rows_since_way_ = std::numeric_limits<int>::max() / 2;  // since make_way() sealed all
  std::vector<std::uint64_t> seen_;  // hashes of calls that were made once
};

}  // namespace ranklog
