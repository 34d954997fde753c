// Shapes and blocks in packets.
#include <algorithm>
#include <cstring>

#include "ranklog/error.hpp"
#include "reduce/packet.hpp"

namespace ranklog::reduce {
namespace {

constexpr std::uint8_t item_block = 1;
constexpr std::int32_t max_ranks = 1 << 24;

// Calls `each(data, n_bytes)` for all that travels of a block: steps, times and the slots.
template <class B, class Each>
void for_each_run(B& block, const Shape& shape, Each each) {
  const std::size_t n = block.n_rows;
  each(block.steps.data(), n * sizeof(std::int64_t));
  each(block.times.data(), n * sizeof(double));
  for (const auto& column : shape.columns) {
    const std::uint32_t n_slots = column.n_slots();
    for (std::uint32_t s = 0; s < n_slots; ++s) {
      if (s == slot_ranks) {
        each(block.min_ranks(column.slot + s), n * sizeof(std::int32_t));
        each(block.max_ranks(column.slot + s), n * sizeof(std::int32_t));
      } else {
        each(block.slot(column.slot + s), n * 8);
      }
    }
  }
}

}  // namespace

void PacketWriter::add(const Block& block) {
  Shape& shape = shapes_.at(block.shape());
  if (!shape.wire_number) {
    shape.wire_number = n_wire_shapes_++;
    new_shapes_.push_back(block.shape());
    for (const auto& column : shape.columns) (void)wire_key(keys_.at(column.key));
  }
  ++n_items_;
  n_rows_ += block.n_rows;
  body_.put(item_block);
  body_.put(*shape.wire_number);
  body_.put(block.n_rows);
  for_each_run(block, shape, [&](const auto* data, std::size_t n_bytes) {
    body_.put_bytes({reinterpret_cast<const std::byte*>(data), n_bytes});
  });
}

void PacketWriter::put_shapes(WireWriter& out) {
  out.put(static_cast<std::uint32_t>(new_shapes_.size()));
  for (const auto id : new_shapes_) {
    const Shape& shape = shapes_.at(id);
    out.put(static_cast<std::uint8_t>(shape.has_steps));
    out.put(shape.time_rank);
    out.put(static_cast<std::uint32_t>(shape.columns.size()));
    for (const auto& column : shape.columns) {
      out.put(wire_key(keys_.at(column.key)));
      out.put(column.n_ranks);
      out.put(column.first_rank);
      out.put(column.last_rank);
    }
  }
  new_shapes_.clear();
}

void PacketReader::read_shapes(WireReader& in) {
  const auto n_shapes = in.get_count(9);
  for (std::size_t i = 0; i < n_shapes; ++i) {
    const bool has_steps = in.get<std::uint8_t>() != 0;
    const auto time_rank = in.get<std::int32_t>();
    const auto n_columns = in.get_count(16);
    if (n_columns == 0) in.reject("a block has no keys");
    std::vector<ShapeColumn> columns;
    columns.reserve(n_columns);
    bool is_odd = false;
    for (std::size_t c = 0; c < n_columns; ++c) columns.push_back(read_column(in, is_odd));
    std::vector<LocalKey> keys(n_columns);
    std::transform(columns.begin(), columns.end(), keys.begin(),
                   [](const ShapeColumn& column) { return column.key; });
    std::sort(keys.begin(), keys.end());
    if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) {
      in.reject("a block has a key twice");
    }
    child_shapes_.push_back({shapes_.add(has_steps, time_rank, std::move(columns)), is_odd});
  }
}

ShapeColumn PacketReader::read_column(WireReader& in, bool& is_odd) {
  const auto index = static_cast<std::size_t>(in.get<WireKey>());
  if (index >= child_keys_.size()) in.reject("a block has a key that was never announced");
  const ChildKey& child_key = child_keys_[index];
  if (child_key.kind == Kind::text || child_key.reduction == Reduction::gather ||
      child_key.order == Order::reproducible) {
    in.reject("a block has values that do not travel in blocks");
  }
  ShapeColumn column;
  column.key = child_key.ours;
  column.is_integer = child_key.kind != Kind::real;
  column.reduction = child_key.reduction;
  column.n_ranks = in.get<std::int32_t>();
  column.first_rank = in.get<std::int32_t>();
  column.last_rank = in.get<std::int32_t>();
  const bool is_plausible = column.n_ranks >= 1 && column.n_ranks <= max_ranks &&
                            column.first_rank >= 0 && column.first_rank <= column.last_rank &&
                            column.last_rank <= max_ranks;
  if (!is_plausible) in.reject("a count is out of range");
  const MetricInfo& ours = *keys_.at(child_key.ours).info;
  is_odd = is_odd || ours.kind != child_key.kind || ours.reduction != child_key.reduction ||
           ours.order != child_key.order;
  return column;
}

void PacketReader::read_block(WireReader& in, std::vector<RowOrBlock>& items) {
  const auto number = std::size_t{in.get<std::uint32_t>()};
  if (number >= child_shapes_.size()) in.reject("a block has a shape that was never announced");
  const ChildShape& child_shape = child_shapes_[number];
  const Shape& shape = shapes_.at(child_shape.ours);
  const auto n_rows = in.get_count(shape.bytes_per_row());
  if (n_rows == 0) in.reject("a block has no rows");
  auto block = shapes_.take_block(child_shape.ours, static_cast<std::uint32_t>(n_rows));
  block->n_rows = static_cast<std::uint32_t>(n_rows);
  for_each_run(*block, shape, [&](auto* data, std::size_t n_bytes) {
    std::memcpy(data, in.get_bytes(n_bytes).data(), n_bytes);
  });
  if (!child_shape.is_odd) {
    items.push_back({std::move(block), {}});
    return;
  }
  for (std::uint32_t row = 0; row < n_rows; ++row) {
    Row cells = to_row(shapes_, *block, row);
    std::erase_if(cells.cells,
                  [&](const Cell& cell) { return keys_.at(cell.key).info->kind == Kind::text; });
    items.push_back({nullptr, std::move(cells)});
  }
  shapes_.give_back(std::move(block));
}

}  // namespace ranklog::reduce
