#include "reduce/packet.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"

namespace ranklog::reduce {
namespace {

constexpr std::uint32_t packet_magic = 0x31474b52;  // "RKG1"

// What a cell carries besides its head.
enum CellPart : std::uint8_t {
  one_real = 1,     // a single value of weight 1: 8 bytes instead of all moments
  one_integer = 2,  // the same for an integer
  all_moments = 4,
  has_text = 8,
  has_parts = 16,
};

bool is_single(const Moments& m) {
  return m.count == 1 && m.nan_count == 0 && m.finite_weight == 1;
}

void put_part(WireWriter& out, const RankPart& part) {
  out.put(part.rank);
  out.put_array(std::span<const double>(part.reals));
  out.put_array(std::span<const std::int64_t>(part.integers));
  out.put_text(part.text);
}

RankPart get_part(WireReader& in) {
  RankPart part;
  part.rank = in.get<std::int32_t>();
  part.reals = in.get_array<double>();
  part.integers = in.get_array<std::int64_t>();
  part.text = in.get_text();
  return part;
}

void put_head(WireWriter& out, const PacketHead& head) {
  out.put(packet_magic);
  out.put(head.epoch);
  out.put(static_cast<std::uint8_t>(head.is_last));
  out.put(static_cast<std::uint32_t>(head.conflicts.size()));
  for (const auto& conflict : head.conflicts) {
    out.put(conflict.rank);
    out.put_text(conflict.text);
  }
  out.put(static_cast<std::uint8_t>(head.failure.has_value()));
  if (head.failure) {
    out.put(head.failure->rank);
    out.put_text(head.failure->reason);
  }
}

PacketHead get_head(WireReader& in) {
  if (in.get<std::uint32_t>() != packet_magic) in.reject("it does not begin as a packet does");
  PacketHead head;
  head.epoch = in.get<std::uint32_t>();
  head.is_last = in.get<std::uint8_t>() != 0;
  const auto n_conflicts = in.get_count(8);
  for (std::size_t i = 0; i < n_conflicts; ++i) {
    const auto rank = in.get<std::int32_t>();
    head.conflicts.push_back({rank, in.get_text()});
  }
  if (in.get<std::uint8_t>() != 0) {
    const auto rank = in.get<std::int32_t>();
    head.failure = RankFailure{rank, in.get_text()};
  }
  return head;
}

template <class Enum>
Enum get_enum(WireReader& in, Enum greatest) {
  const auto value = in.get<std::uint8_t>();
  if (value > static_cast<std::uint8_t>(greatest)) in.reject("a code is unknown");
  return static_cast<Enum>(value);
}

}  // namespace

void PacketWriter::add(const Row& row) {
  rows_.put(row.step);
  rows_.put(static_cast<std::uint8_t>(row.has_step));
  rows_.put(row.time);
  rows_.put(row.time_rank);
  rows_.put(static_cast<std::uint32_t>(row.cells.size()));
  for (const auto& cell : row.cells) put_cell(cell);
  ++n_rows_;
}

void PacketWriter::put_cell(const Cell& cell) {
  const Moments& m = cell.numbers.moments;
  const Kind kind = keys_.at(cell.key).info->kind;
  std::uint8_t parts = 0;
  if (m.count > 0) {
    parts = !is_single(m) ? all_moments : kind == Kind::real ? one_real : one_integer;
  }
  if (cell.text_rank >= 0) parts |= has_text;
  if (!cell.parts.empty()) parts |= has_parts;
  rows_.put(cell.key);
  rows_.put(cell.repeat);
  rows_.put(cell.n_ranks);
  rows_.put(parts);
  if ((parts & one_real) != 0) {
    rows_.put(m.min_rank);
    rows_.put(m.first);
  }
  if ((parts & one_integer) != 0) {
    rows_.put(m.min_rank);
    rows_.put(cell.numbers.integers.first);
  }
  if ((parts & all_moments) != 0) rows_.put(cell.numbers);
  if ((parts & has_text) != 0) {
    rows_.put(cell.text_rank);
    rows_.put_text(cell.text);
  }
  if ((parts & has_parts) != 0) {
    rows_.put(static_cast<std::uint32_t>(cell.parts.size()));
    for (const auto& part : cell.parts) put_part(rows_, part);
  }
}

Bytes PacketWriter::take(const PacketHead& head) {
  WireWriter out;
  put_head(out, head);
  put_news(out);
  out.put(n_rows_);
  Bytes packet = out.take();
  const Bytes rows = rows_.take();
  packet.insert(packet.end(), rows.begin(), rows.end());
  rows_ = WireWriter();
  n_rows_ = 0;
  return packet;
}

// New keys with their definition, and known keys that more ranks have logged since.
void PacketWriter::put_news(WireWriter& out) {
  std::vector<LocalKey> news;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const auto key = static_cast<LocalKey>(i);
    const KeyEntry& entry = keys_.at(key);
    if (entry.has_kind && entry.n_expected != entry.n_announced) news.push_back(key);
  }
  out.put(static_cast<std::uint32_t>(news.size()));
  for (const auto key : news) {
    KeyEntry& entry = keys_.at(key);
    out.put(key);
    out.put(entry.n_expected);
    out.put(static_cast<std::uint8_t>(!entry.is_announced));
    if (!entry.is_announced) {
      const MetricInfo& info = *entry.info;
      out.put_text(info.key);
      out.put(info.kind);
      out.put(info.reduction);
      out.put(info.nan);
      out.put_text(info.unit);
      out.put_text(info.long_name);
      out.put(entry.origin_rank);
    }
    entry.is_announced = true;
    entry.n_announced = entry.n_expected;
  }
}

PacketReader::Contents PacketReader::read(const Bytes& bytes, double now_s) {
  WireReader in(bytes, fmt::format("a packet of metrics from rank {}", child_rank_));
  Contents contents;
  contents.head = get_head(in);
  read_news(in, contents.head.conflicts, now_s);
  const auto n_rows = in.get_count(25);
  contents.rows.reserve(n_rows);
  for (std::size_t i = 0; i < n_rows; ++i) contents.rows.push_back(read_row(in));
  if (!in.is_at_end()) in.reject("it is longer than its contents");
  return contents;
}

void PacketReader::read_news(WireReader& in, std::vector<Conflict>& conflicts, double now_s) {
  const auto n_news = in.get_count(9);
  for (std::size_t i = 0; i < n_news; ++i) {
    const auto index = static_cast<std::size_t>(in.get<LocalKey>());
    const auto n_expected = in.get<std::int32_t>();
    if (in.get<std::uint8_t>() != 0) {
      MetricInfo info;
      info.key = in.get_text();
      info.kind = get_enum(in, Kind::text);
      info.reduction = get_enum(in, Reduction::gather);
      info.nan = get_enum(in, NanPolicy::skip);
      info.unit = in.get_text();
      info.long_name = in.get_text();
      const auto origin_rank = in.get<std::int32_t>();
      if (index > (1U << 28)) in.reject("a key number is out of range");
      if (index >= child_keys_.size()) child_keys_.resize(index + 1);
      const LocalKey ours = keys_.intern(info.key);
      if (keys_.at(ours).first_seen_s == 0) keys_.at(ours).first_seen_s = now_s;
      const auto contradiction = keys_.adopt(ours, info, origin_rank);
      if (!contradiction.empty()) {
        conflicts.push_back(
            {std::min(origin_rank, keys_.at(ours).origin_rank),
             fmt::format("metric '{}': {}", escape_unprintable(info.key), contradiction)});
      }
      const bool is_text = keys_.at(ours).info->kind == Kind::text;
      child_keys_[index] = {ours, info.kind, 0, is_text == (info.kind == Kind::text)};
    }
    if (index >= child_keys_.size()) in.reject("a key was never announced");
    keys_.at(child_keys_[index].ours).n_expected += n_expected - child_keys_[index].n_expected;
    child_keys_[index].n_expected = n_expected;
  }
}

Row PacketReader::read_row(WireReader& in) {
  Row row;
  row.step = in.get<std::int64_t>();
  row.has_step = in.get<std::uint8_t>() != 0;
  row.time = in.get<double>();
  row.time_rank = in.get<std::int32_t>();
  const auto n_cells = in.get_count(13);
  row.cells.reserve(n_cells);
  for (std::size_t i = 0; i < n_cells; ++i) {
    Cell cell;
    if (read_cell(in, cell)) row.cells.push_back(std::move(cell));
  }
  return row;
}

bool PacketReader::read_cell(WireReader& in, Cell& cell) {
  const auto index = static_cast<std::size_t>(in.get<LocalKey>());
  if (index >= child_keys_.size()) in.reject("a row has a key that was never announced");
  const ChildKey& child_key = child_keys_[index];
  cell.key = child_key.ours;
  cell.repeat = in.get<std::uint32_t>();
  cell.n_ranks = in.get<std::int32_t>();
  const auto parts = in.get<std::uint8_t>();
  if ((parts & one_real) != 0) {
    const auto rank = in.get<std::int32_t>();
    cell.numbers.add_real(in.get<double>(), 1, rank);
  }
  if ((parts & one_integer) != 0) {
    const auto rank = in.get<std::int32_t>();
    cell.numbers.add_integer(in.get<std::int64_t>(), 1, rank);
  }
  if ((parts & all_moments) != 0) cell.numbers = in.get<Accumulator>();
  if ((parts & has_text) != 0) {
    cell.text_rank = in.get<std::int32_t>();
    cell.text = in.get_text();
  }
  if ((parts & has_parts) != 0) {
    const auto n_parts = in.get_count(16);
    for (std::size_t i = 0; i < n_parts; ++i) cell.parts.push_back(get_part(in));
  }
  return child_key.is_mergeable;
}

}  // namespace ranklog::reduce
