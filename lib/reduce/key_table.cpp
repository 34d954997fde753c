#include "reduce/key_table.hpp"

#include <fmt/format.h>

#include "core/text.hpp"
#include "ranklog/error.hpp"
#include "ranklog/key.hpp"

namespace ranklog::reduce {
namespace {

// The lower rank first, so that the text does not depend on who came first.
Contradiction disagreement(std::string_view verb, std::int32_t known_rank, std::string_view known,
                           std::int32_t rank, std::string_view what) {
  if (known_rank == rank) {
    return {rank, fmt::format("rank {} {} {} and before {}", rank, verb, what, known)};
  }
  if (rank < known_rank) {
    return {known_rank,
            fmt::format("rank {} {} {}, rank {} {} {}", rank, verb, what, known_rank, verb, known)};
  }
  return {known_rank,
          fmt::format("rank {} {} {}, rank {} {} {}", known_rank, verb, known, rank, verb, what)};
}

std::string_view with_or_without(bool has_steps) {
  return has_steps ? "with a step" : "without a step";
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
  KeyEntry& entry = at(intern(key));
  MetricInfo& info = *entry.info;
  const bool is_same = (!options.reduce || *options.reduce == info.reduction) &&
                       options.nan == info.nan && options.order == info.order &&
                       options.unit == info.unit && options.long_name == info.long_name;
  if ((entry.is_declared_here || entry.is_logged_here) && !is_same) {
    throw ConflictError(
        fmt::format("define_metric('{}') on rank {}: the key was {} already, differently; declare "
                    "it once, before "
                    "it is logged",
                    escape_unprintable(key), rank, entry.has_kind ? "logged" : "declared"));
  }
  entry.is_declared_here = true;
  if (options.reduce) entry.declared_reduction = options.reduce;
  entry.declared_order = options.order;
  // Known from another rank already: what differs is found when this rank logs the key.
  if (entry.has_kind || entry.origin_rank >= 0) return;
  if (options.reduce) info.reduction = *options.reduce;
  entry.is_explicit = options.reduce.has_value();
  info.nan = options.nan;
  info.order = options.order;
  info.unit = options.unit;
  info.long_name = options.long_name;
  entry.origin_rank = rank;
}

std::optional<Contradiction> KeyTable::define(LocalKey key, const KeyDefinition& definition) {
  KeyEntry& entry = at(key);
  if (auto contradiction = define_type(entry, definition)) return contradiction;
  if (definition.order && *definition.order != entry.info->order) {
    return disagreement("adds it up in the order", entry.origin_rank, to_string(entry.info->order),
                        definition.rank, to_string(*definition.order));
  }
  if (!definition.has_steps || entry.has_steps == definition.has_steps) return std::nullopt;
  if (!entry.has_steps) {
    entry.has_steps = definition.has_steps;
    entry.steps_rank = definition.rank;
    return std::nullopt;
  }
  return disagreement("logs it", entry.steps_rank, with_or_without(*entry.has_steps),
                      definition.rank, with_or_without(*definition.has_steps));
}

std::optional<Contradiction> KeyTable::define_type(KeyEntry& entry,
                                                   const KeyDefinition& definition) {
  MetricInfo& info = *entry.info;
  const auto contradict_reduction = [&](Reduction wanted) {
    return disagreement("reduces it by", entry.origin_rank, to_string(info.reduction),
                        definition.rank, to_string(wanted));
  };
  if (!entry.has_kind) {
    const Reduction wanted = definition.reduction.value_or(
        entry.is_explicit ? info.reduction : default_reduction(definition.kind));
    if (entry.is_explicit && wanted != info.reduction) return contradict_reduction(wanted);
    if (auto why = why_not_reducible(definition.kind, wanted); !why.empty())
      return Contradiction{definition.rank, std::move(why)};
    info.kind = definition.kind;
    info.reduction = wanted;
    entry.has_kind = true;
    entry.is_explicit = entry.is_explicit || definition.reduction.has_value();
    entry.origin_rank = definition.rank;
    return std::nullopt;
  }
  if (info.kind != definition.kind) {
    return disagreement("logs", entry.origin_rank, to_string(info.kind), definition.rank,
                        to_string(definition.kind));
  }
  if (definition.reduction && *definition.reduction != info.reduction)
    return contradict_reduction(*definition.reduction);
  return std::nullopt;
}

std::optional<Contradiction> KeyTable::adopt(LocalKey key, const MetricInfo& info,
                                             const KeyDefinition& definition) {
  KeyEntry& entry = at(key);
  if (!entry.has_kind && entry.origin_rank < 0) {
    const auto index = entry.info->index;
    *entry.info = info;
    entry.info->index = index;
    entry.has_kind = true;
    entry.origin_rank = definition.rank;
  }
  return define(key, definition);
}

}  // namespace ranklog::reduce
