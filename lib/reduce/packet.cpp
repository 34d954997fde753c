#include "reduce/packet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/text.hpp"
#include "ranklog/error.hpp"

namespace ranklog::reduce {
namespace {

constexpr std::uint32_t packet_magic = 0x33474b52;  // "RKG3"
constexpr std::uint8_t item_row = 0;
constexpr std::uint8_t item_block = 1;
// Bounds that no job reaches; what is beyond them was not written by us.
constexpr std::int32_t max_ranks = 1 << 24;
constexpr std::int64_t max_values = std::int64_t{1} << 48;

// What is new about a key besides its count.
enum News : std::uint8_t { has_definition = 1, has_claims = 2 };

// What a cell carries besides its head.
enum CellPart : std::uint8_t {
  one_real = 1,     // a single value of weight 1: 8 bytes instead of all moments
  one_integer = 2,  // the same for an integer
  all_moments = 4,
  has_text = 8,
  has_parts = 16,
  has_exact = 32,  // beside all_moments; a single value says it all
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
  out.put(static_cast<std::uint8_t>(head.is_ending));
  out.put(head.n_ranks_heard);
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
  head.is_ending = in.get<std::uint8_t>() != 0;
  head.n_ranks_heard = in.get<std::int32_t>();
  if (head.n_ranks_heard < 0 || head.n_ranks_heard > max_ranks)
    in.reject("a count is out of range");
  if (in.get<std::uint8_t>() != 0) {
    const auto rank = in.get<std::int32_t>();
    head.failure = RankFailure{rank, in.get_text()};
  }
  return head;
}

// Sums of plausible parts cannot overflow.
bool is_plausible(const Accumulator& numbers) {
  const Moments& m = numbers.moments;
  if (m.count < 1 || m.count > max_values) return false;
  if (m.nan_count < 0 || m.nan_count > m.count) return false;
  if (m.nonzero_count < 0 || m.nonzero_count > m.count) return false;
  const auto bound = (IntegerMoments::Wide{1} << 63U) * m.count;
  return numbers.integers.sum <= bound && numbers.integers.sum >= -bound;
}

void put_exact(WireWriter& out, const ExactMoments& exact) {
  for (const auto sum : exact_sums) {
    out.put((exact.*sum).first_word());
    out.put_array((exact.*sum).words());
  }
}

ExactMoments get_exact(WireReader& in) {
  ExactMoments exact;
  for (const auto sum : exact_sums) {
    const auto first_word = in.get<std::int32_t>();
    auto read = ExactSum::from_words(first_word, in.get_array<ExactSum::Word>());
    if (!read) in.reject("a sum is out of range");
    exact.*sum = std::move(*read);
  }
  return exact;
}

template <class Enum>
Enum get_enum(WireReader& in, Enum greatest) {
  const auto value = in.get<std::uint8_t>();
  if (value > static_cast<std::uint8_t>(greatest)) in.reject("a code is unknown");
  return static_cast<Enum>(value);
}

}  // namespace

void PacketWriter::add(const Row& row) {
  ++n_items_;
  body_.put(item_row);
  body_.put(row.step);
  body_.put(static_cast<std::uint8_t>(row.has_step));
  body_.put(row.time);
  body_.put(row.time_rank);
  body_.put(static_cast<std::uint32_t>(row.cells.size()));
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
  if (!cell.exact.empty() && (parts & all_moments) != 0) parts |= has_exact;
  body_.put(wire_key(keys_.at(cell.key)));
  body_.put(cell.repeat);
  body_.put(cell.n_ranks);
  body_.put(parts);
  if ((parts & one_real) != 0) {
    body_.put(m.min_rank);
    body_.put(m.first);
  }
  if ((parts & one_integer) != 0) {
    body_.put(m.min_rank);
    body_.put(cell.numbers.integers.first);
  }
  if ((parts & all_moments) != 0) body_.put(cell.numbers);
  if ((parts & has_exact) != 0) put_exact(body_, cell.exact.front());
  if ((parts & has_text) != 0) {
    body_.put(cell.text_rank);
    body_.put_text(cell.text);
  }
  if ((parts & has_parts) != 0) {
    body_.put(static_cast<std::uint32_t>(cell.parts.size()));
    for (const auto& part : cell.parts) put_part(body_, part);
  }
}

Bytes PacketWriter::take(const PacketHead& head, Bytes used) {
  head_.clear();
  put_head(head_, head);
  put_news(head_);
  put_shapes(head_);
  head_.put(n_items_);
  Bytes packet = std::move(used);
  packet.clear();
  packet.insert(packet.end(), head_.bytes().begin(), head_.bytes().end());
  packet.insert(packet.end(), body_.bytes().begin(), body_.bytes().end());
  body_.clear();
  n_items_ = 0;
  n_rows_ = 0;
  return packet;
}

WireKey PacketWriter::wire_key(KeyEntry& entry) {
  if (!entry.wire_key) {
    entry.wire_key = static_cast<WireKey>(n_wire_keys_++);
    keys_.note_change();
  }
  return *entry.wire_key;
}

// New keys with their definition, known keys that more ranks have logged since, and what ranks say
// of either.
void PacketWriter::put_news(WireWriter& out) {
  auto& news = news_;
  news.clear();
  const bool is_changed = std::exchange(version_told_, keys_.version()) != keys_.version();
  for (std::size_t i = 0; is_changed && i < keys_.size(); ++i) {
    KeyEntry& entry = keys_.at(static_cast<LocalKey>(i));
    const bool is_grown = entry.has_kind && entry.n_expected != entry.n_announced;
    if (is_grown) (void)wire_key(entry);
    const bool is_told = entry.is_announced && entry.are_claims_announced;
    if (is_grown || (entry.wire_key && !is_told)) news.push_back(&entry);
  }
  std::sort(news.begin(), news.end(),
            [](const KeyEntry* a, const KeyEntry* b) { return *a->wire_key < *b->wire_key; });
  out.put(static_cast<std::uint32_t>(news.size()));
  for (KeyEntry* entry : news) {
    out.put(*entry->wire_key);
    out.put(static_cast<std::uint8_t>((entry->is_announced ? 0 : has_definition) |
                                      (entry->are_claims_announced ? 0 : has_claims)));
    if (!entry->is_announced) put_definition(*entry, out);
    if (!entry->are_claims_announced) {
      const auto& claims = entry->claims.all();
      out.put(static_cast<std::uint8_t>(claims.size()));
      for (const auto& claim : claims) {
        out.put(claim.aspect);
        out.put(claim.code);
        out.put(claim.rank);
        out.put_text(claim.text);
      }
    }
    out.put(entry->n_expected);
    entry->is_announced = true;
    entry->are_claims_announced = true;
    entry->n_announced = entry->n_expected;
  }
}

void PacketWriter::put_definition(const KeyEntry& entry, WireWriter& out) {
  const MetricInfo& info = *entry.info;
  out.put_text(info.key);
  out.put(info.kind);
  out.put(info.reduction);
  out.put(info.nan);
  out.put(info.order);
  out.put_text(info.unit);
  out.put_text(info.long_name);
  out.put(static_cast<std::uint8_t>(entry.has_steps.value_or(false)));
}

PacketReader::PacketReader(KeyTable& keys, ShapeTable& shapes, std::int32_t child_rank)
    : keys_(keys),
      shapes_(shapes),
      what_(fmt::format("a packet of metrics from rank {}", child_rank)) {}

PacketReader::Contents PacketReader::read(const Bytes& bytes) {
  Contents contents;
  read(bytes, contents);
  return contents;
}

void PacketReader::read(const Bytes& bytes, Contents& contents) {
  WireReader in(bytes, what_);
  contents.head = get_head(in);
  contents.items.clear();
  read_news(in);
  read_shapes(in);
  const auto n_items = in.get_count(9);
  for (std::size_t i = 0; i < n_items; ++i) {
    const auto item = in.get<std::uint8_t>();
    if (item == item_block) {
      read_block(in, contents.items);
    } else if (item == item_row) {
      contents.items.push_back({nullptr, read_row(in)});
    } else {
      in.reject("a code is unknown");
    }
  }
  if (!in.is_at_end()) in.reject("it is longer than its contents");
}

void PacketReader::read_news(WireReader& in) {
  const auto n_news = in.get_count(9);
  for (std::size_t i = 0; i < n_news; ++i) {
    const auto index = static_cast<std::size_t>(in.get<WireKey>());
    const auto parts = in.get<std::uint8_t>();
    if ((parts & has_definition) != 0) {
      if (index != child_keys_.size()) in.reject("keys are announced out of order");
      read_definition(in);
    }
    if (index >= child_keys_.size()) in.reject("a key was never announced");
    ChildKey& child_key = child_keys_[index];
    if ((parts & has_claims) != 0) read_claims(in, child_key.ours);
    const auto n_expected = in.get<std::int32_t>();
    const auto n_more = std::int64_t{n_expected} - child_key.n_expected;
    if (n_expected < 0 || keys_.at(child_key.ours).n_expected + n_more > max_ranks)
      in.reject("a count is out of range");
    if (is_counted_) expect(child_key, n_more);
    if (gives_.size() < keys_.size()) gives_.resize(keys_.size());
    gives_[static_cast<std::size_t>(child_key.ours)] = n_expected > 0;
    child_key.n_expected = n_expected;
  }
}

// A count only says how long rows wait, so it is kept within bounds rather than refused.
void PacketReader::expect(const ChildKey& child_key, std::int64_t n_more) {
  KeyEntry& ours = keys_.at(child_key.ours);
  keys_.note_change();
  ours.n_expected =
      static_cast<std::int32_t>(std::clamp<std::int64_t>(ours.n_expected + n_more, 0, max_ranks));
}

void PacketReader::count(bool is_counted) {
  if (is_counted == is_counted_) return;
  is_counted_ = is_counted;
  for (const auto& child_key : child_keys_) {
    expect(child_key, is_counted ? child_key.n_expected : -child_key.n_expected);
  }
}

bool PacketReader::gives(LocalKey key) const {
  const auto index = static_cast<std::size_t>(key);
  return index < gives_.size() && gives_[index];
}

void PacketReader::read_definition(WireReader& in) {
  MetricInfo info;
  info.key = in.get_text();
  info.kind = get_enum(in, Kind::text);
  info.reduction = get_enum(in, Reduction::gather);
  info.nan = get_enum(in, NanPolicy::skip);
  info.order = get_enum(in, Order::reproducible);
  info.unit = in.get_text();
  info.long_name = in.get_text();
  const bool has_steps = in.get<std::uint8_t>() != 0;
  if (!why_not_reducible(info.kind, info.reduction).empty()) in.reject("a code is unknown");
  LocalKey ours{};
  try {
    ours = keys_.intern(info.key);
  } catch (const InvalidKeyError&) {
    in.reject("a key has a name that is not allowed");
  }
  keys_.adopt(ours, info, has_steps);
  const bool is_text = keys_.at(ours).info->kind == Kind::text;
  child_keys_.push_back(
      {ours, info.kind, info.reduction, 0, is_text == (info.kind == Kind::text), info.order});
}

void PacketReader::read_claims(WireReader& in, LocalKey key) {
  const auto n_claims = in.get<std::uint8_t>();
  for (int i = 0; i < n_claims; ++i) {
    Claim claim;
    claim.aspect = in.get<Aspect>();
    claim.code = in.get<std::uint8_t>();
    claim.rank = in.get<std::int32_t>();
    claim.text = in.get_text();
    if (!is_possible(claim) || claim.rank < 0 || claim.rank > max_ranks) {
      in.reject("a code is unknown");
    }
    keys_.add_claim(key, std::move(claim));
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
  const auto index = static_cast<std::size_t>(in.get<WireKey>());
  if (index >= child_keys_.size()) in.reject("a row has a key that was never announced");
  const ChildKey& child_key = child_keys_[index];
  cell.key = child_key.ours;
  cell.repeat = in.get<std::uint32_t>();
  cell.n_ranks = in.get<std::int32_t>();
  if (cell.n_ranks < 1 || cell.n_ranks > max_ranks) in.reject("a count is out of range");
  const auto parts = in.get<std::uint8_t>();
  if ((parts & one_real) != 0) {
    const auto rank = in.get<std::int32_t>();
    const auto value = in.get<double>();
    cell.numbers.add_real(value, 1, rank);
    if (child_key.order == Order::reproducible) cell.exact.emplace_back().add_real(value, 1);
  }
  if ((parts & one_integer) != 0) {
    const auto rank = in.get<std::int32_t>();
    const auto value = in.get<std::int64_t>();
    cell.numbers.add_integer(value, 1, rank);
    if (child_key.order == Order::reproducible) cell.exact.emplace_back().add_integer(value, 1);
  }
  if ((parts & all_moments) != 0) {
    cell.numbers = in.get<Accumulator>();
    if (!is_plausible(cell.numbers)) in.reject("a count is out of range");
  }
  if ((parts & has_exact) != 0) cell.exact.push_back(get_exact(in));
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
