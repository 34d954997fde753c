#include "reduce/key_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "ranklog/key.hpp"

namespace ranklog::reduce {
namespace {

std::string contradiction(const Claim& now, const Claim& before) {
  if (now.rank == before.rank) {
    return fmt::format("rank {} {} and before it {}", now.rank, describe(now), describe(before));
  }
  const Claim& lower = now.rank < before.rank ? now : before;
  const Claim& higher = now.rank < before.rank ? before : now;
  return fmt::format("rank {} {}, rank {} {}", lower.rank, describe(lower), higher.rank,
                     describe(higher));
}

}  // namespace

Reduction default_reduction(Kind kind) noexcept {
  return kind == Kind::text ? Reduction::first : Reduction::mean;
}

std::string why_not_reducible(Kind kind, Reduction reduction) {
  const bool is_possible = kind != Kind::text || reduction == Reduction::first ||
                           reduction == Reduction::last || reduction == Reduction::gather;
  if (is_possible) return {};
  return fmt::format("text has no {}; use first, last or gather", to_string(reduction));
}

std::optional<LocalKey> KeyTable::find(std::string_view key) const {
  const auto found = by_name_.find(key);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

LocalKey KeyTable::intern(std::string_view key) {
  if (const auto known = find(key)) return *known;
  if (!is_own_key(key)) validate_key(key);
  const auto id = static_cast<LocalKey>(entries_.size());
  KeyEntry entry;
  entry.info = std::make_shared<MetricInfo>();
  entry.info->key = key;
  entry.info->index = static_cast<std::uint32_t>(id);
  entries_.push_back(std::move(entry));
  by_name_.emplace(key, id);
  return id;
}

void KeyTable::declare(std::string_view key, const MetricOptions& options, std::int32_t rank) {
  const auto id = intern(key);
  KeyEntry& entry = at(id);
  MetricOptions& declared = entry.declared;
  if (entry.is_declared_here || entry.is_logged_here) {
    const Reduction known =
        entry.is_logged_here ? entry.own_reduction : declared.reduce.value_or(Reduction::mean);
    const bool is_same = (!options.reduce || *options.reduce == known) &&
                         options.nan == declared.nan && options.order == declared.order &&
                         options.unit == declared.unit && options.long_name == declared.long_name;
    if (is_same) return;
    throw ConflictError(fmt::format(
        "define_metric('{}') on rank {}: the key was {} already, differently; declare it once, "
        "before it is logged",
        escape_unprintable(key), rank, entry.is_logged_here ? "logged" : "declared"));
  }
  entry.is_declared_here = true;
  declared = options;
  if (options.reduce) add_claim(id, claim(*options.reduce, rank));
  for (auto& each : claims_of(options, rank)) add_claim(id, std::move(each));
  if (entry.has_kind) return;  // by another rank, whose rows are on their way
  MetricInfo& info = *entry.info;
  if (options.reduce) info.reduction = *options.reduce;
  info.nan = options.nan;
  info.order = options.order;
  info.unit = options.unit;
  info.long_name = options.long_name;
}

Reduction KeyTable::own_reduction(const KeyEntry& entry, const KeyDefinition& definition) {
  if (definition.reduction) return *definition.reduction;
  if (entry.is_logged_here) return entry.own_reduction;
  return entry.declared.reduce.value_or(default_reduction(definition.kind));
}

std::string KeyTable::why_not(LocalKey key, const KeyDefinition& definition) const {
  const KeyEntry& entry = at(key);
  const auto rank = definition.rank;
  if (entry.is_logged_here && definition.kind != entry.own_kind) {
    return contradiction(claim(definition.kind, rank), claim(entry.own_kind, rank));
  }
  const Reduction wanted = own_reduction(entry, definition);
  const auto known =
      entry.is_logged_here ? std::optional(entry.own_reduction) : entry.declared.reduce;
  if (known && wanted != *known) return contradiction(claim(wanted, rank), claim(*known, rank));
  return why_not_reducible(definition.kind, wanted);
}

std::string KeyTable::why_not_alone(LocalKey key, const KeyDefinition& definition) const {
  if (auto why = why_not(key, definition); !why.empty()) return why;
  const KeyEntry& entry = at(key);
  if (entry.is_logged_here) return {};
  for (const auto& said : {claim(definition.kind, definition.rank),
                           claim(own_reduction(entry, definition), definition.rank)}) {
    if (const Claim* other = entry.claims.against(said)) return contradiction(said, *other);
  }
  return {};
}

void KeyTable::define(LocalKey key, const KeyDefinition& definition) {
  KeyEntry& entry = at(key);
  const auto rank = definition.rank;
  if (definition.has_steps && !entry.reduced.is_logged) {
    add_claim(key, claim_steps(*definition.has_steps, rank));
    if (!entry.has_steps) entry.has_steps = definition.has_steps;
  }
  if (entry.is_logged_here) return;
  entry.own_kind = definition.kind;
  entry.own_reduction = own_reduction(entry, definition);
  entry.is_logged_here = true;
  add_claim(key, claim(entry.own_kind, rank));
  add_claim(key, claim(entry.own_reduction, rank));
  if (!entry.is_declared_here) {
    for (auto& each : claims_of(entry.declared, rank)) add_claim(key, std::move(each));
  }
  if (entry.has_kind) return;
  entry.has_kind = true;
  entry.info->kind = entry.own_kind;
  entry.info->reduction = entry.own_reduction;
}

void KeyTable::adopt(LocalKey key, const MetricInfo& info, bool has_steps) {
  KeyEntry& entry = at(key);
  if (!entry.has_steps) entry.has_steps = has_steps;
  if (entry.has_kind) return;
  entry.has_kind = true;
  MetricInfo& ours = *entry.info;
  const auto declared = entry.declared.reduce;
  const bool is_declared = declared && why_not_reducible(info.kind, *declared).empty();
  ours.kind = info.kind;
  ours.reduction = is_declared ? *declared : info.reduction;
  if (entry.is_declared_here) return;
  ours.nan = info.nan;
  ours.order = info.order;
  ours.unit = info.unit;
  ours.long_name = info.long_name;
}

void KeyTable::add_claim(LocalKey key, Claim claim) {
  KeyEntry& entry = at(key);
  if (!entry.claims.add(std::move(claim))) return;
  entry.are_claims_announced = false;
  note_change();
  if (!std::exchange(entry.are_claims_listed, true)) claimed_.push_back(key);
}

std::vector<Conflict> KeyTable::take_conflicts() {
  std::vector<Conflict> conflicts;
  for (const auto key : claimed_) {
    KeyEntry& entry = at(key);
    entry.are_claims_listed = false;
    for (auto& conflict : entry.claims.take_conflicts(entry.info->key)) {
      conflicts.push_back(std::move(conflict));
    }
  }
  claimed_.clear();
  std::sort(conflicts.begin(), conflicts.end());
  if (conflicts.size() > max_conflicts) conflicts.resize(max_conflicts);
  return conflicts;
}

}  // namespace ranklog::reduce
